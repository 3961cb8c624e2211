"""Our own clients in Python and Node.js, by what they ask for.

Python's offers zstd, too, for a proxy's one frame. Of many, httpx reads no more than the first.
"""

from __future__ import annotations

import json
import threading

import pytest

from streamer.client import Event
from support.client_runner import ClientRunner
from support.coded_story import Story, Tap
from support.following import Way
from support.live import Live
from support.processes import Program, streamer
from support.waiting import wait_until

WAYS = [Way("sse", asynchronous=False), Way("sse", asynchronous=True)]


class Following:
    """A client that reads a job in a thread, until it ends."""

    def __init__(self, way: Way, url: str, topic: str) -> None:
        self._numbers: list[int] = []
        self.types: list[str] = []
        options = {"start": "earliest", "heartbeat": 1, "then": self._take}
        self.thread = threading.Thread(target=way.each, args=(url, topic), kwargs=options)
        self.thread.start()

    def _take(self, event: Event) -> None:
        self.types.append(event.type)
        if event.type == "note":
            self._numbers.append(event.fields["n"])

    def numbers(self) -> list[int]:
        return list(self._numbers)

    def __str__(self) -> str:
        return f"{self._numbers}, {self.types}"


class Printed:
    """A client that prints each event as a line."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def numbers(self) -> list[int]:
        whole = self._program.out.rpartition("\n")[0]
        bodies = [json.loads(line) for line in whole.split("\n") if line]
        return [body["n"] for body in bodies if body["type"] == "note"]

    def __str__(self) -> str:
        return str(self._program)


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_our_client_is_given_gzip_and_reads_each_event_as_it_comes(
    way: Way, live_server: Live
) -> None:
    tap = Tap(live_server.port)
    with tap.proxy:
        async with Story(live_server, "gzip", named=True).begun() as story:
            client = Following(way, tap.proxy.url, story.topic)
            await story.to_the_end([(client, tap)], leaving=True)
            client.thread.join()
            assert client.types[-1] == "end"


async def test_streamer_tail_is_given_gzip_and_prints_each_event_as_it_comes(
    live_server: Live,
) -> None:
    tap = Tap(live_server.port)
    with tap.proxy:
        async with Story(live_server, "gzip", named=True).begun() as story:
            environ = {"STREAMER_URL": tap.proxy.url}
            with streamer("tail", story.topic, "--from", "earliest", environ=environ) as program:
                client = Printed(program)
                await story.to_the_end([(client, tap)], beating=False, leaving=True)
                assert program.wait() == 0


async def test_our_client_in_node_is_given_gzip_and_reads_each_event_as_it_comes(
    live_server: Live, runner: ClientRunner
) -> None:
    tap = Tap(live_server.port)
    with tap.proxy:
        async with Story(live_server, "gzip", named=True).begun() as story:
            url = f"{tap.proxy.url}/api/v1/{story.topic}/stream"
            client = runner.follow("by_client.mjs", url, once=True)
            await story.to_the_end([(client, tap)], beating=False, leaving=True)
            await wait_until(lambda: client.ended() == "ends", "it has not left")
