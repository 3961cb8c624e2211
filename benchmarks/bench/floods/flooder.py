"""The process that floods, from one line of its standard input until the next.

    python -m bench.floods.flooder NAME PORT COUNT

It prepares and says "ready"; floods from a line on; says "done" if it ends by itself; and
at the next line, or the end of input, stops and says what it got as a line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path

import uvloop

from ..machine import raise_file_limit
from . import kinds

#: Seconds after which it ends without a second line.
_LONGEST = 40.0


async def _run(name: str, port: int, count: int) -> None:
    flooder = kinds.Flooder(port, count)
    if (prepare := getattr(kinds, f"prepare_{name}", None)) is not None:
        await prepare(flooder)
        flooder.got.clear()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    flood = asyncio.create_task(getattr(kinds, name)(flooder))
    flood.add_done_callback(lambda _: print("done", flush=True))
    stop = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    await asyncio.wait([stop], timeout=_LONGEST)
    cut = sum(line.is_cut() for line in flooder.held)
    if flooder.held:
        flooder.got["cut"] += cut
        flooder.got["held at the end"] = len(flooder.held) - cut
    flood.cancel()
    with contextlib.suppress(asyncio.CancelledError, OSError, ExceptionGroup):
        await flood
    print(json.dumps(flooder.got), flush=True)


def main() -> None:
    name, port, count = sys.argv[1:]
    # It shares a core with those who measure, and must not starve them. Linux groups
    # processes by session: the group's own niceness is what counts between sessions.
    os.nice(10)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text("10")
    raise_file_limit()
    uvloop.run(_run(name, int(port), int(count)))


if __name__ == "__main__":
    main()
