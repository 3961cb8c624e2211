"""What may not be seen costs what is not there costs: by the work that is done, not by a clock."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Final

import pytest

from streamer.events.cursor import Cursor
from streamer.events.page import Page
from streamer.events.snapshot import Snapshot
from support.victims import VictimStage

API: Final = "/api/v1"
#: Things of the victim's, and names as long of which there is nothing.
PAIRS: Final = (("jobs/v1", "jobs/n1"), ("projects/x1", "projects/n1"), ("users/7", "users/9"))

#: What is asked, with a topic for ``{topic}``: a target, a method, a body and frames.
ASKED: Final[dict[str, tuple[str, str, str, str]]] = {
    "sse": (f"{API}/stream?topic={{topic}}", "GET", "", ""),
    "sse from the first": (f"{API}/stream?topic={{topic}}&from=earliest", "GET", "", ""),
    "beside mine": (f"{API}/stream?topic=projects/mine&topic={{topic}}", "GET", "", ""),
    "head": (f"{API}/stream?topic={{topic}}", "HEAD", "", ""),
    "websocket": (f"{API}/stream?topic={{topic}}", "WEBSOCKET", "", ""),
    "poll": (f"{API}/events?topic={{topic}}&wait=60", "GET", "", ""),
    "status": (f"{API}/status?topic={{topic}}", "GET", "", ""),
    "publish": (f"{API}/events", "POST", '{"type":"note","topic":"{topic}"}', ""),
    "subscribe": (
        f"{API}/stream?topic=projects/mine",
        "WEBSOCKET",
        "",
        '{"type":"subscribe","topic":"{topic}"}',
    ),
    "subscribe from the first": (
        f"{API}/stream?topic=projects/mine",
        "WEBSOCKET",
        "",
        '{"type":"subscribe","topic":"{topic}","last_event_id":"0-0"}',
    ),
    "unsubscribe": (
        f"{API}/stream?topic=projects/mine",
        "WEBSOCKET",
        "",
        '{"type":"unsubscribe","topic":"{topic}"}',
    ),
    "own address": (f"{API}/{{topic}}/stream", "GET", "", ""),
    "own status": (f"{API}/{{topic}}/status", "GET", "", ""),
    "own events": (f"{API}/{{topic}}/events", "GET", "", ""),
    "own socket": (f"{API}/{{topic}}/stream", "WEBSOCKET", "", ""),
    "cancel": (f"{API}/{{topic}}/cancel", "POST", "{}", ""),
    "job": (f"{API}/{{topic}}", "GET", "", ""),
    "count": (f"{API}/ws/{{topic}}/connections", "GET", "", ""),
    "publish there": (f"{API}/{{topic}}/events", "POST", '{"type":"note"}', ""),
    "queue there": (f"{API}/{{topic}}/jobs", "POST", '{"kind":"transcode"}', ""),
}


@pytest.mark.parametrize(("theirs", "nothing"), PAIRS, ids=[pair[0] for pair in PAIRS])
@pytest.mark.parametrize("asked", ASKED)
def test_what_may_not_be_seen_costs_what_is_not_there_costs(
    house: VictimStage, asked: str, theirs: str, nothing: str
) -> None:
    """The same is read of the log, as often, and the same bytes are sent in as many writes."""
    # Somebody reads it, and what may be read, so that both are warm here.
    for topic, who in ((theirs, "7"), ("projects/mine", "mallory")):
        house.peer(f"{API}/stream?topic={topic}&from=earliest", who)
    house.settle()
    work = recorded(house)
    found = []
    for topic in (theirs, nothing):
        target, method, body, frame = (text.replace("{topic}", topic) for text in ASKED[asked])
        peer = house.peer(target, "mallory", method=method, body=body.encode())
        writes: list[int] = []
        peer.transport.on_write = counting(writes)
        if frame:
            peer.send_frames(frame)
        answer = house.answer(peer, method=method).decode("latin-1")
        last, its_last = topic.partition("/")[2], nothing.partition("/")[2]
        told = plain(answer).replace(topic, "<it>").replace(f"'{last}'", f"'{its_last}'")
        found.append((told, list(work), writes))
        work.clear()
    assert found[0] == found[1]


def counting(writes: list[int]) -> Callable[[bytes], None]:
    return lambda data: writes.append(len(data))


def plain(answer: str) -> str:
    """Without what is another each time: when it was said, a stream's id, a pause."""
    answer = re.sub(r"(?im)^date: .*\r\n", "", answer)
    answer = re.sub(r'"stream_id":"[^"]+"', "", answer)
    return re.sub(r'"retry_ms":\d+|"cursor":"[^"]+"', "", answer)


def recorded(house: VictimStage) -> list[tuple[str, int]]:
    """What is asked of the log from now on, and of how many topics."""
    work: list[tuple[str, int]] = []
    read, snapshots = house.log.read, house.log.snapshots

    async def reading(topics: Sequence[str], after: Cursor, limit: int) -> Page:
        work.append(("read", len(topics)))
        return await read(topics, after, limit)

    async def looking(topics: Sequence[str]) -> dict[str, Snapshot]:
        work.append(("snapshots", len(topics)))
        return await snapshots(topics)

    house.log.read = reading  # type: ignore[method-assign]
    house.log.snapshots = looking  # type: ignore[method-assign]
    return work


def test_the_size_of_what_is_there_does_not_matter(house: VictimStage) -> None:
    """A job of much is refused as one of nothing: its size is in no answer."""
    for number in range(50):
        house.append("jobs/v1", "x" * 1000 + str(number))
    answers = [
        plain(house.ask(f"{API}/jobs/{job}/{path}", "mallory")).replace(job, "<it>")
        for path in ("stream", "events", "status")
        for job in ("v1", "n1")
    ]
    assert answers[::2] == answers[1::2]
    assert not [answer for answer in answers if "xxx" in answer]
    assert json.loads(answers[0].partition("\r\n\r\n")[2])["code"] == "forbidden"
