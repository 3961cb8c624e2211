"""What a client sees that is not run here, in the bytes that it would be sent."""

from __future__ import annotations

from typing import Final

import httpx

from streamer.events.json_line import encode_line
from streamer.events.new_event import MAX_EVENT_BYTES, frame_size
from support.live import Live

#: Bytes of a frame, with the comments before it, at which Go's r3labs/sse loops for ever: the
#: buffer of its bufio.Scanner.
_SCANNER: Final = 65_536


def largest_text(topic: str) -> str:
    """The text of a note whose frame has as many bytes as one may have."""
    _, project = topic.split("/")
    around = frame_size("note", (topic,), encode_line({"project_id": project, "text": ""}))
    return "x" * (MAX_EVENT_BYTES - around)


def test_the_largest_event_and_hours_of_heartbeats_fit_into_a_scanner(
    live: Live, project: str
) -> None:
    """The event after it, one byte larger, is refused."""
    topic = f"projects/{project}"
    url = f"{live.url}/api/v1/{topic}"
    text = largest_text(topic)
    tokens: list[bytes] = [b""]
    with (
        httpx.Client(headers={"Accept-Encoding": "identity"}) as client,
        client.stream("GET", f"{url}/stream?heartbeat=1") as stream,
    ):
        assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        for received in stream.iter_raw():
            *whole, rest = (tokens.pop() + received).split(b"\n\n")
            tokens += [*whole, rest]
            if rest == b":\n:\n":  # two heartbeats since the last frame
                for size, status in ((text, 201), (text + "x", 413)):
                    event = {"type": "note", "text": size}
                    assert client.post(f"{url}/events", json=event).status_code == status
            if any(text.encode() in token for token in tokens[:-1]):
                break
    sizes = {len(token + b"\n\n") for token in tokens if text.encode() in token}
    heartbeats = len(b":\n:\n")
    # An id of today, which stands in it twice, is shorter than the longest that is reckoned with.
    assert MAX_EVENT_BYTES + heartbeats - 50 < max(sizes) <= MAX_EVENT_BYTES + heartbeats
    beats_of_a_night = 10 * 3600 // 15
    assert max(sizes) + beats_of_a_night * len(b":\n") < _SCANNER
