"""Tasks of Celery notify, as docs/NOTIFICATIONS.md shows: with a real worker and Redis."""

from __future__ import annotations

import asyncio
import functools
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from celery import Celery  # type: ignore[import-untyped]

from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN
from support.processes import Program
from support.requirements import needs
from support.servers import Server
from support.waiting import wait_until_blocking

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "NOTIFICATIONS.md"
#: Of one task: what its user is told.
TOLD: Final = [
    *(("transcode_progress", percent) for percent in (0, 50, 100)),
    ("transcode_complete", None),
]
#: What is published while the tasks are imported, before a pool is forked: the thread and the
#: connection of the parent are at work by then.
_BEFORE: Final = """
publisher.publish("started", "note")
assert publisher.flush()
"""
#: Says when a child of the pool is asked to end, and whether by then all is published.
_ENDING: Final = (
    """
from celery.signals import worker_process_shutdown
worker_process_shutdown.connect(lambda **_: print("ending", flush=True), weak=False)
""",
    """
worker_process_shutdown.connect(
    lambda **_: print(f"ended:{publisher.flush(0)}", flush=True), weak=False
)
""",
)


class Worker:
    """A worker of the document's tasks."""

    def __init__(self, program: Program, log: Server, broker: Server) -> None:
        self.program: Final = program
        self._log: Final = log
        self._app: Final = Celery(broker=broker_of(broker))

    def ask(self, *users: str) -> None:
        """Have a video transcoded for each."""
        for user in users:
            self._app.send_task("tasks.transcode", (f"v{user}", "Cats", user))

    def events(self, topic: str) -> list[dict[str, Any]]:
        """The bodies of all that was published to a topic."""

        async def read() -> list[dict[str, Any]]:
            log = RedisEventLog(self._log.url)
            page = await log.read((topic,), ORIGIN, 1000)
            await log.close()
            return [msgspec.json.decode(event.body) for event in page.events]

        return asyncio.run(read())

    def told(self, user: str) -> list[tuple[str, float | None]]:
        """What a user was told so far."""
        return [(body["type"], body.get("progress")) for body in self.events(f"users/{user}")]

    def wait_for(self, *users: str) -> None:
        """Wait until all of them were told everything, once and in order."""
        for user in users:
            wait_until_blocking(
                functools.partial(self._was_told_all, user),
                f"user {user} was not told: {self.program}",
            )
        assert [self.told(user) for user in users] == [TOLD] * len(users)

    def _was_told_all(self, user: str) -> bool:
        return len(self.told(user)) >= len(TOLD)


@pytest.fixture
def second_server() -> Iterator[Server]:
    """Another Redis of the test's own."""
    with tempfile.TemporaryDirectory(prefix="st-") as directory:
        server = Server(needs("redis-server"), Path(directory))
        server.start()
        yield server
        server.stop()


def broker_of(server: Server) -> str:
    return server.url.replace("unix://", "redis+socket://")


@contextmanager
def working(
    directory: Path,
    log: Server,
    *options: str,
    broker: Server | None = None,
    code_around: tuple[str, str] = ("", ""),
) -> Iterator[Worker]:
    """Run the tasks of the document; the broker is where the log is, unless another is given."""
    broker = broker or log
    _, code = re.findall(
        r"^```python\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    url = 'REDIS = "redis://localhost:6379"\n'
    assert url in code
    code = code.replace(url, f'REDIS = "{log.url}"\n')
    code = code.replace("broker=REDIS", f'broker="{broker_of(broker)}"')
    (directory / "tasks.py").write_text(code_around[0] + code + code_around[1] + _BEFORE)
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "tasks",
        "worker",
        "--without-mingle",
        "-l",
        "INFO",
    ]
    environ = {"PYTHONPATH": ":".join(path for path in sys.path if path.endswith("/src"))}
    program = Program([*command, *options], cwd=directory, environ=environ)
    with program:
        program.wait_for(r"celery@\S+ ready")
        yield Worker(program, log, broker)


@pytest.mark.parametrize(
    "options",
    [("--pool", "prefork"), ("--pool", "threads"), ("--pool", "solo", "--without-heartbeat")],
    ids=lambda options: options[1],
)
def test_a_task_notifies_in_order_and_once(
    short_dir: Path, own_server: Server, options: tuple[str, ...]
) -> None:
    """By a publisher that was at work before the pool was forked."""
    users = [str(n) for n in range(8)]
    with working(short_dir, own_server, *options, "--concurrency", "2") as worker:
        worker.ask(*users)
        worker.wait_for(*users)
        assert len(worker.events("started")) == 1
        assert len(worker.events("admin")) == len(users) * len(TOLD)
        assert "ERROR" not in worker.program.err


def test_each_child_of_the_pool_says_all_before_it_ends(
    short_dir: Path, own_server: Server
) -> None:
    """Each has one task, and then another takes its place."""
    users = [str(n) for n in range(2)]
    options = ("--pool", "prefork", "--concurrency", "1", "--max-tasks-per-child", "1")
    with working(short_dir, own_server, *options) as worker:
        worker.ask(*users)
        worker.wait_for(*users)


def test_what_waits_for_redis_is_said_before_a_child_ends(
    short_dir: Path, own_server: Server, second_server: Server
) -> None:
    """The log is away when the worker is asked to end, and comes back soon."""
    options = ("--pool", "prefork", "--concurrency", "1")
    with working(
        short_dir, own_server, *options, broker=second_server, code_around=_ENDING
    ) as worker:
        own_server.freeze()
        worker.ask("1")
        worker.program.wait_for("succeeded")
        worker.program.signal(signal.SIGTERM)
        worker.program.wait_for("ending")
        own_server.thaw()
        assert worker.program.wait_for(r"ended:(\w+)")[1] == "True"
        worker.wait_for("1")
        assert worker.program.wait() == 0
