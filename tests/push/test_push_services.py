"""One push service: its places, who waits for them, and when it is left alone."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from streamer.push import services
from streamer.push.services import Busy, Service, Services, origin_of
from support.seconds_clock import SecondsClock
from support.waiting import wait_until


async def test_of_more_than_may_wait_the_rest_comes_back_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At once: those for a service that hangs are never all that a process holds."""
    monkeypatch.setattr(services, "_PLACES", 1)
    monkeypatch.setattr(services, "_WAITING", 1)
    service = Service("push.example", SecondsClock())
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(service.place(1000))

        async def wait() -> None:
            async with service.place(1000):
                pass

        waiting = asyncio.create_task(wait())
        await wait_until(lambda: service._waiting == 1, "nobody waited")
        with pytest.raises(Busy) as refused:
            await wait()
        assert 1 <= refused.value.seconds <= 5
    await waiting
    async with service.place(0):
        pass


async def test_who_waits_for_a_place_gives_up_in_time_and_takes_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "_PLACES", 1)
    service = Service("push.example", SecondsClock())
    async with service.place(0):
        with pytest.raises(Busy):
            async with service.place(0.01):
                pass
    async with service.place(0):
        pass


async def test_a_service_that_does_not_answer_is_left_alone_longer_each_time() -> None:
    clock = SecondsClock()
    service = Service("push.example", clock)
    waits = []
    for _ in range(8):
        for _ in range(5):  # those that were under way together are one failure
            service.failed()
        with pytest.raises(Busy) as refused:
            async with service.place(0):
                pass
        waits.append(refused.value.seconds)
        clock.advance(61)
    assert 1 <= waits[0] <= 3
    assert waits[3] > waits[0]
    assert max(waits) <= 61
    service.answered()
    async with service.place(0):
        pass
    service.failed()
    with pytest.raises(Busy) as refused:
        async with service.place(0):
            pass
    assert refused.value.seconds <= 3


def test_an_endpoint_is_of_the_service_that_is_named() -> None:
    found = Services(("push.example", "*.push.example", "[::1]"))
    names = {
        "https://push.example/a": "push.example",
        "https://a.push.example:8443/a": "*.push.example",
        "https://a.b.push.example/": "*.push.example",
        "http://[::1]:8080/a": "::1",
    }
    for endpoint, name in names.items():
        service = found.find(endpoint)
        assert service is not None
        assert service.name == name
    assert found.find("https://example/") is None
    assert found.find("http://push.example/") is None


def test_the_origin_is_the_endpoints_with_its_port() -> None:
    assert origin_of("https://push.example:8443/a?b=c") == "https://push.example:8443"
    assert origin_of("https://push.example/a") == "https://push.example"
