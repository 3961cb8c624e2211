"""One page for all server processes of a host, also while they are killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from support.live import Live, StartLive
from support.waiting import wait_until_blocking

#: Server processes.
WORKERS: Final = 2


def numbers(server: Live) -> dict[tuple[str, ...], float]:
    """What one of the processes says, whichever takes the connection."""
    answer = httpx.get(f"{server.url}/metrics").raise_for_status()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def directory_of(process: int) -> Path:
    environ = Path(f"/proc/{process}/environ").read_text(encoding="utf-8").split("\0")
    (directory,) = (each.partition("=")[2] for each in environ if "STREAMER_METRICS_DIR=" in each)
    return Path(directory)


def test_every_process_says_what_all_have_counted_and_no_count_falls(start_live: StartLive) -> None:
    server = start_live(STREAMER_WORKERS=str(WORKERS))
    assert server.program is not None
    published = 0

    def publish(times: int) -> None:
        nonlocal published
        for _ in range(times):  # over a connection each: several processes take them
            event = {"type": "note"}
            httpx.post(f"{server.url}/api/v1/projects/p1/events", json=event).raise_for_status()
        published += times
        wait_until_blocking(
            lambda: numbers(server)["streamer_events_published_total",] == published,
            f"not all of {published} events were counted",
        )

    def wait_for(processes: int) -> None:
        wait_until_blocking(
            lambda: numbers(server)["streamer_processes", "server"] == processes,
            f"there were never {processes} processes",
        )

    wait_for(WORKERS)
    publish(20)
    killed = children(server.program.pid)[0]
    directory = directory_of(killed)
    os.kill(killed, signal.SIGKILL)
    wait_for(WORKERS - 1)
    assert numbers(server)["streamer_events_published_total",] == published
    wait_for(WORKERS)
    publish(5)
    assert len(list(directory.glob("*.numbers"))) == WORKERS + 1
    server.stop()
    assert not directory.exists()
