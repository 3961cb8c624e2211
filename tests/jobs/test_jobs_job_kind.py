"""``@streamer.job_kind``: which actors it marks, and which it refuses."""

from __future__ import annotations

from collections.abc import Iterator

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

import streamer
from streamer.jobs import job_kind as module
from streamer.jobs.job_kind import marked_kinds
from streamer.jobs.own_modules import UnusableModule
from streamer.jobs.worker import kinds_to_offer


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubBroker]:
    """The global one; what a test marks is forgotten."""
    monkeypatch.setattr(module, "_marked", {})
    broker = StubBroker()
    monkeypatch.setattr("dramatiq.broker.global_broker", broker)
    yield broker
    broker.close()


def test_an_actor_is_marked_by_its_own_name_or_another() -> None:
    @streamer.job_kind
    @dramatiq.actor
    def first(a: int) -> None:
        """Do the first thing.

        And more of it.
        """

    @streamer.job_kind()
    @dramatiq.actor
    async def second(a: int) -> None:
        pass

    @streamer.job_kind("the-third")
    @dramatiq.actor(queue_name="slow", max_retries=1)
    def third(a: int) -> None:
        pass

    assert [(each.kind, each.actor, each.description) for each in marked_kinds()] == [
        ("first", first, "Do the first thing."),
        ("second", second, ""),
        ("the-third", third, ""),
    ]
    first(1)  # it is the actor that it was


def test_only_what_stands_above_an_actor_is_marked() -> None:
    with pytest.raises(TypeError, match=r"draw is no Dramatiq actor.*above @dramatiq.actor"):

        @streamer.job_kind  # type: ignore[call-overload]
        def draw(a: int) -> None:
            pass

    with pytest.raises(TypeError, match="int is no Dramatiq actor"):
        streamer.job_kind("a")(1)  # type: ignore[type-var]


@pytest.mark.parametrize("name", ["", "a b", "-a", ".a", "a/b", "a" * 65, "ä"])
def test_a_name_that_no_request_should_have_is_refused(name: str) -> None:
    @dramatiq.actor
    def draw(a: int) -> None:
        pass

    with pytest.raises(ValueError, match="is no name of a kind of job; it must be 1 to 64"):
        streamer.job_kind(name)(draw)


def test_two_actors_of_one_name_are_refused_and_one_that_is_defined_again_is_not(
    broker: StubBroker,
) -> None:
    def again() -> None:
        def draw(a: int) -> None:
            pass

        broker.actors.pop("draw", None)
        streamer.job_kind("draw")(dramatiq.actor(draw))

    again()
    again()

    @dramatiq.actor
    def other(a: int) -> None:
        pass

    with pytest.raises(ValueError, match=r"draw is the kind of job 'draw' already.*\"draw-2\""):
        streamer.job_kind("draw")(other)


def test_a_worker_offers_what_is_marked_on_its_broker_and_no_built_in_name() -> None:
    elsewhere = StubBroker()

    @streamer.job_kind
    @dramatiq.actor(broker=elsewhere)
    def there(a: int) -> None:
        pass

    @streamer.job_kind
    @dramatiq.actor
    def here(a: int) -> None:
        pass

    assert [each.kind for each in kinds_to_offer(dramatiq.get_broker())] == ["here"]
    streamer.job_kind("trim")(here)
    with pytest.raises(UnusableModule, match=r"'trim' is built in.*my-trim"):
        kinds_to_offer(dramatiq.get_broker())
    elsewhere.close()
