"""To be interrupted because a worker stops counts as no try, and is no reason to wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
from dramatiq import MessageProxy
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import Retries, Shutdown

from streamer.jobs.handed_back import HandedBack


@pytest.fixture
def broker() -> Iterator[StubBroker]:
    broker = StubBroker(middleware=[Retries(max_retries=1, min_backoff=60_000), HandedBack()])
    yield broker
    broker.close()


def deliver(broker: StubBroker, message: MessageProxy, error: BaseException) -> bool:
    """Fail with `error`; return whether it is over."""
    broker.emit_before("process_message", message)
    broker.emit_after("process_message", message, exception=error)
    return bool(message.failed)


@pytest.mark.parametrize("options", [{"max_retries": 0}, {}, {"max_retries": 2, "min_backoff": 9}])
def test_a_job_is_tried_as_often_as_its_actor_says_however_often_it_is_interrupted(
    broker: StubBroker, options: dict[str, Any]
) -> None:
    @dramatiq.actor(broker=broker, **options)
    def work() -> None:
        pass

    message = MessageProxy(work.message_with_options(min_backoff=7_000))
    for _ in range(5):
        assert not deliver(broker, message, Shutdown("the worker was stopped"))
        assert (message.options["min_backoff"], message.options["max_backoff"]) == (500, 500)
    for _ in range(options.get("max_retries", 1)):
        assert not deliver(broker, message, ValueError("no"))
        assert message.options["min_backoff"] == 7_000
        assert "max_backoff" not in message.options
    assert deliver(broker, message, ValueError("no"))


def test_where_nothing_is_tried_again_nothing_is_changed() -> None:
    broker = StubBroker(middleware=[HandedBack()])

    @dramatiq.actor(broker=broker)
    def work() -> None:
        pass

    message = MessageProxy(work.message())
    deliver(broker, message, ValueError("no"))
    assert message.options == {}
    deliver(broker, message, Shutdown("the worker was stopped"))
    assert "max_retries" not in message.options
    broker.close()
