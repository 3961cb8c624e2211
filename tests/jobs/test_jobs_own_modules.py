"""A user's modules of actors: which broker is meant, and what is said of those without."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from dramatiq import Broker
from dramatiq.brokers.stub import StubBroker

from streamer.jobs.own_modules import UnusableModule, load_own
from support.own_project import Write

ACTOR = """
import dramatiq

@dramatiq.actor{options}
def draw(a: int):
    pass
"""
OWN = "from dramatiq.brokers.stub import StubBroker\n{name} = StubBroker()\n"

Load = Callable[..., Broker]


@pytest.fixture
def load(own_project: Write, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Write modules and load some, from a working directory that is theirs."""
    before = set(sys.modules)
    monkeypatch.setattr("sys.path", [*sys.path])
    broker = StubBroker()
    monkeypatch.setattr("dramatiq.broker.global_broker", broker)

    def load_(*names: str, **modules: str) -> Broker:
        monkeypatch.chdir(own_project(**modules))
        return load_own(names).broker

    yield load_
    for name in set(sys.modules) - before:
        del sys.modules[name]
    broker.close()


def test_the_broker_is_the_named_one_else_the_modules_else_the_global_one(load: Load) -> None:
    its = f"class app:\n    {OWN.format(name='jobs')}".replace("\njobs", "\n    jobs")
    named = load("a1:app.jobs", a1=its + ACTOR.format(options="(broker=app.jobs)"))
    assert list(named.actors) == ["draw"]
    its_own = load("a2", a2=OWN.format(name="broker") + ACTOR.format(options="(broker=broker)"))
    assert list(its_own.actors) == ["draw"]
    shared = load(
        "a3.tasks", "a3.more", a3__tasks=ACTOR.format(options=""), a3__more="broker = 'no broker'"
    )
    assert list(shared.actors) == ["draw"]
    assert len({id(broker) for broker in (named, its_own, shared)}) == 3


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("b.py", "", "there is no module 'b.py' in .*; did you mean b?"),
        ("b/c.py", "", "'b/c.py' is no module; it must be as in myapp.tasks or .*you mean b.c?"),
        ("b:", "", "'b:' is no module"),
        ("1b", "", "'1b' is no module"),
        ("nonesuch", "", "there is no module 'nonesuch' in .*project, nor installed$"),
        ("b.c.d", "", "'b' is not a package|no module 'b.c'.* so b.c.d cannot be run"),
        ("b", "", "b has no actors: none of its functions is a @dramatiq.actor of the global"),
        ("b", OWN.format(name="broker"), "@dramatiq.actor of b.broker"),
        ("b:nothing", "", "b has no 'nothing'; the name behind the colon is that of a Dramatiq"),
        ("b:it", "it = 1", "b:it is a int, and no Dramatiq broker"),
        ("b", "import nonesuch", 'b.py", line 1\n    import nonesuch\nModuleNotFoundError'),
        ("b", "def f(:", "b cannot be imported:\n  File .*, line 1\n(.*\n)+SyntaxError"),
        (
            "b",
            "def f():\n  import json\n  json.loads('{')\n\nf()",
            'b.py", line 5\n    f\\(\\)\n  File ".*b.py", line 3\n    json.loads.*\njson.decoder',
        ),
        ("b", "raise SystemExit(3)", "b ends the program when it is imported"),
        (
            "b",
            "import celery\nqueue = celery.Celery()",
            "b:queue is a Celery app, which has a worker of its own: celery -A b worker. With str",
        ),
        (
            "b",
            "from redis import Redis\nimport rq\nqueue = rq.Queue(connection=Redis())",
            "b:queue is an RQ queue, .*: rq worker --worker-class streamer.RQWorker. With stream",
        ),
        (
            "b:queue",
            "from taskiq import InMemoryBroker\nqueue = InMemoryBroker()",
            "b:queue is a taskiq broker, .*: taskiq worker b:queue. With streamer.install.queue.",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_named_with_why(load: Load, name: str, text: str, said: str) -> None:
    with pytest.raises(UnusableModule, match=said) as error:
        load(name, b=text)
    assert "Traceback" not in str(error.value)
    assert "importlib" not in str(error.value)


def test_a_worker_has_one_broker(load: Load) -> None:
    each = OWN.format(name="broker") + ACTOR.format(options="(broker=broker)")
    with pytest.raises(UnusableModule, match=r"c1 and c2 have brokers of their own.*for each"):
        load("c1", "c2", c1=each, c2=each)
