"""Notifications: what `base.Notifications` promises, over every log."""

from __future__ import annotations

import asyncio
import contextlib

from streamer.eventlog.base import EventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.new_event import NewEvent, new_event
from support.listening import RecordingListener
from support.reading import ids_of, read_all
from support.waiting import wait_until


def tick(
    topics: str | tuple[str, ...] = "chats/1", n: int = 0, *, ephemeral: bool = False
) -> NewEvent:
    return new_event(topics, "tick", {"n": n}, ephemeral=ephemeral)


async def test_an_event_after_subscribing_is_notified(log: EventLog) -> None:
    """From the moment that subscribe returned, and whole."""
    listener = RecordingListener()
    await log.listen(listener).subscribe(["chats/1"])
    id_ = await log.append(tick())
    await listener.heard(id_)
    (event,) = listener.events
    (stored,) = (await log.read(["chats/1"], ORIGIN, 10)).events
    assert event.body == stored.body


async def test_only_what_is_subscribed_is_notified(log: EventLog) -> None:
    """In the order of the log."""
    listener = RecordingListener()
    await log.listen(listener).subscribe(["chats/1", "chats/3"])
    ids = await log.append_all([tick(f"chats/{n % 4}", n) for n in range(40)])
    expected = [id_ for n, id_ in enumerate(ids) if n % 4 in {1, 3}]
    await listener.heard(expected[-1])
    assert listener.ids == expected


async def test_an_event_in_several_subscribed_topics_is_notified_once(log: EventLog) -> None:
    """Whichever of them are subscribed, the first of them or not."""
    listener = RecordingListener()
    notifications = log.listen(listener)
    await notifications.subscribe(["chats/2", "chats/3"])
    all_three = ("chats/1", "chats/2", "chats/3")
    ids = await log.append_all([tick(all_three), tick("chats/3"), tick(("chats/3", "chats/1"))])
    await listener.heard(ids[-1])
    assert listener.ids == ids


async def test_an_ephemeral_event_is_notified_in_order(log: EventLog) -> None:
    """Without an id, between those that have one."""
    listener = RecordingListener()
    await log.listen(listener).subscribe(["chats/1"])
    typing = new_event("chats/1", "typing", {"user": "ann"}, ephemeral=True)
    ids = await log.append_all([tick(n=1), typing, typing, tick(n=2)])
    await listener.heard(ids[-1])
    assert listener.ids == ids
    assert listener.events[1].fields == typing.fields


async def test_a_notified_event_is_already_readable(log: EventLog) -> None:
    """Whoever reads on hearing of it finds it."""
    found: list[bool] = []
    tasks: set[asyncio.Task[None]] = set()

    class Reader(RecordingListener):
        def notified(self, events) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
            super().notified(events)
            tasks.add(asyncio.create_task(self.read([event.id for event in events])))

        async def read(self, ids: list[Cursor]) -> None:
            present = ids_of(await read_all(log, ["chats/1"], ORIGIN))
            found.append(set(ids) <= set(present))

    listener = Reader()
    await log.listen(listener).subscribe(["chats/1"])
    ids = [await log.append(tick(n=n)) for n in range(20)]
    await listener.heard(ids[-1])
    await asyncio.gather(*tasks)
    assert found
    assert all(found)


async def test_a_batch_is_notified_in_few_calls(log: EventLog) -> None:
    """What has arrived together is handed on together."""
    listener = RecordingListener()
    await log.listen(listener).subscribe(["chats/1"])
    ids = await log.append_all([tick(n=n) for n in range(200)])
    await listener.heard(ids[-1])
    assert listener.ids == ids
    assert len(listener.batches) < 20


async def test_many_subscribe_at_once(log: EventLog) -> None:
    """Each is confirmed, and all of them hear."""
    listener = RecordingListener()
    notifications = log.listen(listener)
    topics = [f"chats/{n}" for n in range(2500)]
    await asyncio.gather(*(notifications.subscribe([topic]) for topic in topics))
    ids = await log.append_all([tick(topic) for topic in topics])
    await listener.heard(ids[-1])
    assert listener.ids == ids


async def test_an_unsubscribed_topic_is_soon_silent(log: EventLog) -> None:
    """And the others are still heard."""
    listener = RecordingListener()
    notifications = log.listen(listener)
    await notifications.subscribe(["chats/1", "chats/2"])
    notifications.unsubscribe(["chats/1", "never/subscribed"])
    await notifications.subscribe(["chats/3"])
    await log.append(tick("chats/1"))
    last = await log.append(tick("chats/2"))
    await listener.heard(last)
    assert listener.ids == [last]


async def test_a_topic_subscribed_again_at_once_is_heard(log: EventLog) -> None:
    """However fast one follows the other, and in whatever turn of the event loop."""
    listener = RecordingListener()
    notifications = log.listen(listener)
    for turns in range(6):
        await notifications.subscribe(["chats/1"])
        notifications.unsubscribe(["chats/1"])
        for _ in range(turns):
            await asyncio.sleep(0)  # noqa: TID251 - one turn of the event loop, no time
        await notifications.subscribe(["chats/1"])
        id_ = await log.append(tick(n=turns))
        await listener.heard(id_)
    assert len(listener.events) == 6


async def test_a_subscriber_that_gives_up_disturbs_nobody(log: EventLog) -> None:
    """Those who subscribed with it are confirmed."""
    listener = RecordingListener()
    notifications = log.listen(listener)
    giving_up = asyncio.create_task(notifications.subscribe(["chats/1"]))
    staying = asyncio.create_task(notifications.subscribe(["chats/1", "chats/2"]))
    await asyncio.sleep(0)  # noqa: TID251 - let both be on their way
    giving_up.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await giving_up
    await staying
    ids = await log.append_all([tick("chats/1"), tick("chats/2")])
    await listener.heard(ids[-1])
    assert listener.ids == ids


async def test_every_listener_is_notified(log: EventLog) -> None:
    """Two processes, or two parts of one, do not take from each other."""
    listeners = [RecordingListener(), RecordingListener()]
    for listener in listeners:
        await log.listen(listener).subscribe(["chats/1"])
    id_ = await log.append(tick())
    for listener in listeners:
        await listener.heard(id_)


async def test_nothing_is_heard_after_closing(log: EventLog) -> None:
    """No call of the listener follows, not even for what was on its way."""
    listener, other = RecordingListener(), RecordingListener()
    closing = log.listen(listener)
    await closing.subscribe(["chats/1"])
    await log.listen(other).subscribe(["chats/1"])
    appending = asyncio.create_task(log.append(tick()))
    await closing.close()
    before = len(listener.events)
    await other.heard(await appending)
    assert len(listener.events) == before
    assert not closing.healthy


async def test_closing_while_connecting_ends_at_once(log: EventLog) -> None:
    """Also with somebody waiting for a subscription."""
    notifications = log.listen(RecordingListener())
    waiting = asyncio.create_task(notifications.subscribe(["chats/1"]))
    await notifications.close()
    await asyncio.wait((waiting,))
    waiting.exception()
    await log.listen(RecordingListener()).close()


async def test_notifications_are_healthy_once_subscribed(log: EventLog) -> None:
    """Which is what a readiness check asks."""
    notifications = log.listen(RecordingListener())
    await notifications.subscribe(["chats/1"])
    await wait_until(lambda: notifications.healthy, "notifications are not healthy")
