"""The client through a real proxy that compresses streams."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import httpx

from streamer.client import Event, follow
from support.following import Way, over_every_way
from support.live import Live
from support.nginx import nginx_before


def published(live: Live, project: str) -> list[str]:
    url = f"{live.url}/api/v1/projects/{project}/events"
    events = [{"type": "note", "text": "x" * n} for n in (1, 100, 20_000)]
    events.append({"type": "completed", "task_name": "encode"})
    return [httpx.post(url, json=event).raise_for_status().json()["id"] for event in events]


def stored(events: Iterable[Event]) -> list[str | None]:
    return [event.id for event in events if event.type in {"note", "completed"}]


@over_every_way()
def test_a_stream_behind_a_proxy_that_compresses_is_read_as_any_other(
    way: Way, live_server: Live, project: str, short_dir: Path
) -> None:
    ids = published(live_server, project)
    port = live_server.port
    with nginx_before((port, port), short_dir, compressing=True) as url:
        asked = {"Accept-Encoding": "gzip"}
        with httpx.stream("GET", f"{url}/api/v1/stream?topic=a", headers=asked) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
        topic = f"projects/{project}"
        assert stored(way.follow(url, topic, start="earliest", until_end=True)) == ids


def test_an_event_comes_through_a_compressing_proxy_when_it_is_published(
    live_server: Live, project: str, short_dir: Path
) -> None:
    port = live_server.port
    with (
        nginx_before((port, port), short_dir, compressing=True) as url,
        follow(url, f"projects/{project}", start="earliest") as events,
    ):
        while next(events).type != "caught_up":
            pass
        (first, *_) = published(live_server, project)
        assert next(events).id == first
