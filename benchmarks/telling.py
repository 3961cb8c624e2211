"""What it costs a job to tell: each call, beside one of a function that does nothing.

    python benchmarks/telling.py [CALLS]

Calls are made as fast as they can be, of a job in a log in memory, which is sent nine events a
second; what counts is the processor time of the thread that calls, so that the publisher's
own thread is not in it. The least of five rounds. Exit code 1 if a call takes more than 2 µs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

import streamer

#: Microseconds that one update may cost a job.
MOST: Final = 2.0
_ROUNDS: Final = 5


def nothing(_: object) -> None:
    """Do nothing, as fast as Python can."""


def microseconds(work: Callable[[int], None], calls: int) -> float:
    """Processor time of one call."""
    least = float("inf")
    for _ in range(_ROUNDS):
        began = time.thread_time()
        work(calls)
        least = min(least, time.thread_time() - began)
    return least / calls * 1e6


def advance(calls: int) -> None:
    """``t.advance(1)``."""
    with streamer.progress().task("encode", total=calls) as task:
        for _ in range(calls):
            task.advance(1)


def nested(calls: int) -> None:
    """``t.advance(1)``, five tasks deep."""
    task = streamer.progress().task("outer")
    for depth in range(5):
        task = task.task(f"{depth}", total=calls)
    with task:
        for _ in range(calls):
            task.advance(1)


def track(calls: int) -> None:
    """``for item in streamer.track(…)``."""
    for _ in streamer.track(range(calls)):
        pass


def update(calls: int) -> None:
    """``p.update(fraction)``."""
    progress = streamer.progress()
    for number in range(calls):
        progress.update(number / calls)


def update_all(calls: int) -> None:
    """``p.update(fraction, message, page=…)``."""
    progress = streamer.progress()
    for number in range(calls):
        progress.update(number / calls, "on a page", page=number)


def find_and_update(calls: int) -> None:
    """``streamer.progress().update(fraction)``."""
    for number in range(calls):
        streamer.progress().update(number / calls)


def log(calls: int) -> None:
    """``p.log(line)``."""
    progress = streamer.progress()
    for _ in range(calls):
        progress.log("a line of some forty letters, as they are")


def meta(calls: int) -> None:
    """``p.meta(page=…)``."""
    progress = streamer.progress()
    for number in range(calls):
        progress.meta(page=number)


def partial(calls: int) -> None:
    """``p.partial({…})``."""
    progress = streamer.progress()
    for number in range(calls):
        progress.partial({"pages": number})


def checkpoint(calls: int) -> None:
    """``p.checkpoint(…)``."""
    progress = streamer.progress()
    for number in range(calls):
        progress.checkpoint(number)


def bare(calls: int) -> None:
    """Call a function that does nothing."""
    for number in range(calls):
        nothing(number)


def main(calls: int) -> int:
    """Print a line for each kind of call; 1 if one takes too long."""
    least = microseconds(bare, calls)
    print(f"a call of a function that does nothing: {least:.3f} µs; {calls} calls of each")
    slow = 0
    event_log = streamer.MemoryEventLog()
    publisher = streamer.SyncPublisher(lambda: event_log)
    with publisher, streamer.job("encode", publisher=publisher):
        for work in (
            *(advance, nested, track, update, update_all, find_and_update),
            *(log, meta, partial, checkpoint),
        ):
            took = microseconds(work, calls)
            slow += took > MOST
            said = str(work.__doc__).rstrip(".").replace("``", "")
            print(f"{took:6.3f} µs  {took / least:5.1f} times  {said}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
