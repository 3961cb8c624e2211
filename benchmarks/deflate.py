"""permessage-deflate: each event compressed once for all, against once for each reader.

    python benchmarks/deflate.py [READERS]

Prints the time to make the frames of one event for all readers in both ways, their ratio,
and how many bytes either saves. `once for each` is what uvicorn does by default, with
context takeover: it makes smaller frames of events that resemble each other.
"""

from __future__ import annotations

import statistics
import sys
import time

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.wire.websocket import DEFLATED_FRAMES, FRAMES

EVENTS = 50


def event(number: int) -> Event:
    """An event as a worker publishes it: 250 bytes of body, nearly."""
    fields = (
        b'{"project_id":"p1","job_id":"8f3c","task_name":"encode","progress":0.%03d,'
        b'"status":"in_progress","message":"Transcoding frame %d of 1200","metadata":{}}'
        % (number, number)
    )
    return Event(Cursor(1_738_483_210_123 + number, 0), "progress", ("projects/p1",), fields)


def main(readers: int) -> None:
    """Measure and print."""
    mine = [
        PerMessageDeflate(
            remote_no_context_takeover=False,
            local_no_context_takeover=False,
            remote_max_window_bits=12,
            local_max_window_bits=12,
            compress_settings={"memLevel": 5},
        )
        for _ in range(readers)
    ]
    shared, apart, bytes_shared, bytes_apart, plain = [], [], 0, 0, 0
    for number in range(EVENTS):
        one = event(number)
        plain += len(FRAMES.event(one))
        began = time.perf_counter()
        frame = DEFLATED_FRAMES.event(one)
        shared.append(time.perf_counter() - began)
        bytes_shared += len(frame)
        text = Frame(Opcode.TEXT, one.body)
        began = time.perf_counter()
        encoded = [extension.encode(text) for extension in mine]
        apart.append(time.perf_counter() - began)
        bytes_apart += len(encoded[0].data) + 2
    once, each = statistics.median(shared), statistics.median(apart)
    print(f"{readers} readers, an event of {plain // EVENTS} bytes a frame")
    print(f"  once for all:  {once * 1e6:9.0f} µs, {bytes_shared / plain:.0%} of the bytes")
    print(f"  once for each: {each * 1e6:9.0f} µs, {bytes_apart / plain:.0%} of the bytes")
    print(f"  ratio of the times: {each / once:.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
