"""What an event log takes of Redis's memory: by topic, by event, and by what else is kept.

    python benchmarks/capacity.py [REDIS_URL]

It fills a log of its own (prefix ``capacity``) in a Redis that it starts, or in the one that
is named, asks Redis (``MEMORY USAGE``, all samples), removes it again, and prints the tables of
docs/CAPACITY.md. Sizes do not depend on the machine's speed; they do on Redis's version, a little.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import redis

from streamer import RedisEventLog
from streamer.eventlog.embedded import EmbeddedServer
from streamer.eventlog.redis.keys import Keys
from streamer.events.new_event import NewEvent, new_event

PREFIX: Final = "capacity"
KEYS: Final = Keys(PREFIX)
#: Topics of each sort that are filled, and looked at all together.
TOPICS: Final = 100
#: Bytes of the text in an event; beside them it has some 60 of its own.
TEXTS: Final = (0, 250, 1000, 4000)
LENGTHS: Final = (1, 10, 100, 1000)


@contextlib.contextmanager
def redis_url() -> Iterator[str]:
    """The Redis that is named, or one of our own."""
    if len(sys.argv) > 1:
        yield sys.argv[1]
        return
    with (
        tempfile.TemporaryDirectory(prefix="st-") as directory,
        EmbeddedServer(Path(directory)) as server,
    ):
        yield server.url


class Measured:
    """A log, and what Redis says of its keys."""

    def __init__(self, url: str) -> None:
        self.log: Final = RedisEventLog(url, prefix=PREFIX)
        self.redis: Final = redis.Redis.from_url(url)

    async def append(self, events: list[NewEvent]) -> None:
        """Append them, in batches as a worker does."""
        for start in range(0, len(events), 500):
            await self.log.append_all(events[start : start + 500])

    def bytes_of(self, *names: str) -> int:
        """Bytes of these keys, with all that belongs to them."""
        return sum(self.redis.memory_usage(name, samples=0) or 0 for name in names)

    def remove(self) -> None:
        """Leave nothing behind."""
        names = list(self.redis.scan_iter(f"{{{PREFIX}}}*", 1000))
        for start in range(0, len(names), 1000):
            self.redis.delete(*names[start : start + 1000])


async def topics(measured: Measured) -> None:
    """Of a topic without jobs: its stream and what outlives it."""
    print(
        "\n| text of an event | " + " | ".join(f"{n:,} events" for n in LENGTHS) + " | an event |"
    )
    print("|--:|" + "--:|" * (len(LENGTHS) + 1))
    for text in TEXTS:
        sizes = []
        for length in LENGTHS:
            names = [f"t{text}-{length}/{n}" for n in range(max(1, TOPICS // length))]
            for name in names:
                await measured.append(
                    [new_event(name, "note", {"text": "x" * text}) for _ in range(length)]
                )
            found = [measured.bytes_of(KEYS.stream(n), KEYS.meta(n)) for n in names]
            sizes.append(sum(found) / len(found))
        each = (sizes[-1] - sizes[0]) / (LENGTHS[-1] - LENGTHS[0])
        print(
            f"| {text:,} bytes | "
            + " | ".join(f"{size:,.0f}" for size in sizes)
            + f" | {each:,.0f} |"
        )


async def jobs(measured: Measured) -> None:
    """Of a job in a project: its own topic, its events there and in the project, its state."""
    project = "projects/p"
    alike = {"task_name": "encode"}
    events = []
    for number in range(TOPICS):
        topic = f"jobs/{number:032x}"
        job = {**alike, "job_id": f"{number:032x}"}
        events += [
            new_event((project, topic), "status", {**job, "status": "queued"}),
            new_event((project, topic), "status", {**job, "status": "started"}),
            *(
                new_event((project, topic), "progress", {**job, "progress": n / 100})
                for n in range(100)
            ),
            new_event((project, topic), "completed", {**job, "result": {"url": "/files/x.mp4"}}),
        ]
    await measured.append(events)
    own = sum(
        measured.bytes_of(*(key(f"jobs/{n:032x}") for key in keys_of_topic()))
        for n in range(TOPICS)
    )
    print(f"\na job with 100 events of progress, its own topic: {own / TOPICS:,.0f} bytes")
    shared = measured.bytes_of(KEYS.snapshot(project), KEYS.tasks(project))
    print(f"and in the snapshot of its project: {shared / TOPICS:,.0f} bytes")


def keys_of_topic() -> tuple[object, ...]:
    """What is kept of a topic."""
    return (KEYS.stream, KEYS.meta, KEYS.snapshot, KEYS.tasks)


async def others(measured: Measured) -> None:
    """Of what is kept beside events, each."""
    many = 1000
    for number in range(many):
        await measured.log.append(
            new_event("keyed/1", "note", {}, idempotency_key=f"key-{number:08d}")
        )
    keys = [KEYS.idempotency("keyed/1", f"key-{number:08d}") for number in range(many)]
    head = await measured.log.head()
    for number in range(many):
        await measured.log.reader_cursors.move("keyed/1", f"user-{number:08d}", head)
    cursors = measured.bytes_of(KEYS.cursors("keyed/1"), KEYS.moved("keyed/1"))
    for number in range(many):
        await measured.append([new_event(f"users/{number:08d}", "note", {})])
    index = measured.bytes_of(KEYS.topics)
    print("\n| each | bytes |\n|---|--:|")
    print(f"| idempotency key | {measured.bytes_of(*keys) / many:,.0f} |")
    print(f"| cursor of a reader on a topic | {cursors / many:,.0f} |")
    print(f"| topic in the index | {index / measured.redis.zcard(KEYS.topics):,.0f} |")


async def main() -> None:
    """Measure all of it."""
    with redis_url() as url:
        measured = Measured(url)
        info = measured.redis.info("server")
        print(info.get("valkey_version") or info["redis_version"])
        measured.remove()
        try:
            await topics(measured)
            await jobs(measured)
            await others(measured)
        finally:
            measured.remove()
            measured.redis.close()
            await measured.log.close()


if __name__ == "__main__":
    asyncio.run(main())
