"""The client and a real server that is killed, drained, cut off, and that forgets."""

from __future__ import annotations

import httpx
import pytest

from streamer.client import Event, GapEvent, Interruption
from support.following import Way, ids, over_every_way
from support.live import Live, StartLive
from support.tcp_proxy import TcpProxy

pytestmark = [pytest.mark.faults, over_every_way()]


def publish(live: Live, topic: str, event_type: str = "note", **fields: object) -> str:
    body = {"topic": topic, "type": event_type, **fields}
    return str(httpx.post(f"{live.url}/api/v1/events", json=body).raise_for_status().json()["id"])


@pytest.mark.parametrize("signal", ["kill", "drain"])
def test_a_server_that_is_started_again_is_read_on_where_it_was(
    way: Way, start_live: StartLive, signal: str
) -> None:
    live = start_live(STREAMER_RETRY_MS="50")
    published = [publish(live, "jobs/j")]
    told: list[Interruption] = []

    def restart(event: Event) -> None:
        if event.type == "note" and event.id == published[0]:
            live.kill() if signal == "kill" else live.stop()
            live.start()
            published.extend(publish(live, "jobs/j", n=n) for n in range(2))
            published.append(publish(live, "jobs/j", "completed"))

    events = way.each(live.url, "jobs/j", start="earliest", then=restart, on_reconnect=told.append)
    assert list(ids(events)) == published
    assert told
    assert not [event for event in events if isinstance(event, GapEvent)]
    assert events[-1].type == "end"


def test_a_line_that_is_cut_again_and_again_loses_nothing(
    way: Way, live_server: Live, project: str
) -> None:
    """By FIN and by RST, also within an event."""
    topic = f"jobs/{project}"
    published = [publish(live_server, topic)]
    with TcpProxy(("127.0.0.1", live_server.port)) as proxy:

        def cut(event: Event) -> None:
            if event.type != "note":
                return
            if len(published) == 8:
                published.append(publish(live_server, topic, "completed"))
            elif len(published) < 8:
                proxy.truncate(37 * len(published))
                published.append(publish(live_server, topic, text="é" * 100))
                if len(published) % 3 == 0:
                    proxy.cut(reset=True)

        events = way.each(proxy.url, topic, start="earliest", then=cut)
    assert list(ids(events)) == published


def test_what_retention_took_is_a_gap_before_what_is_left(way: Way, start_live: StartLive) -> None:
    live = start_live(STREAMER_RETENTION_LENGTH="3", STREAMER_TAIL_EVENTS="0")
    first = publish(live, "jobs/j")
    published = [publish(live, "jobs/j", n=n) for n in range(7)]
    published.append(publish(live, "jobs/j", "completed"))
    events = way.follow(live.url, "jobs/j", after=first)
    assert [event.type for event in events[:2]] == ["connected", "gap"]
    (gap,) = (event for event in events if isinstance(event, GapEvent))
    assert (gap.after, gap.until, gap.reason) == (first, published[-4], "trimmed")
    assert list(ids(events)) == published[-3:]
