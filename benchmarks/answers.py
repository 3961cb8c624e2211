"""How soon a reader has what an answer says, and how long it takes to resume a long one.

    python benchmarks/answers.py [ANSWERS] [SECONDS]

Answers that are said at once, by default 200 for 20 seconds, 20 tokens a second each, with one
reader of the AI SDK's stream for each; one server process on a core of its own. Who speaks and
who reads are this process, on another core with Redis: the time from `a.text` to the reader's
socket has both of theirs in it. Then one answer of 20,000 tokens, not over yet, is resumed 30
times, one after another.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.machine import layout, raise_file_limit
from bench.process import Process, free_port
from bench.redis import Redis

from streamer import Publisher, RedisEventLog, answer

TOKENS_PER_SECOND = 20
LONG = 20_000
RESUMES = 30
#: What a token is: when it was said, in microseconds.
TOKEN = re.compile(rb"@(\d+) ")


def now() -> int:
    return time.perf_counter_ns() // 1000


async def say(publisher: Publisher, number: int, seconds: float, ready: asyncio.Event) -> None:
    async with answer(f"chats/b{number}", publisher=publisher) as a:
        a.text("begins ")
        await ready.wait()
        # Each at a moment of its own, as models are.
        await asyncio.sleep(number * 0.618 % 1 / TOKENS_PER_SECOND)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            a.text(f"@{now()} ")
            await asyncio.sleep(1 / TOKENS_PER_SECOND)


async def ask(port: int, chat: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET /api/v1/ai/chats/{chat}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    writer.write(head.encode())
    return reader, writer


async def read(port: int, number: int, waits: list[int]) -> None:
    reader, writer = await ask(port, f"b{number}")
    while part := await reader.read(1 << 16):
        received = now()
        waits += [received - int(said) for said in TOKEN.findall(part)]
        if b"[DONE]" in part:
            break
    writer.close()


async def live(port: int, publisher: Publisher, answers: int, seconds: float) -> list[int]:
    ready, waits = asyncio.Event(), list[int]()
    saying = [asyncio.create_task(say(publisher, n, seconds, ready)) for n in range(answers)]
    await asyncio.sleep(2)
    reading = [asyncio.create_task(read(port, n, waits)) for n in range(answers)]
    await asyncio.sleep(2)
    ready.set()
    await asyncio.gather(*saying, *reading)
    return waits


async def resume(port: int, publisher: Publisher) -> tuple[list[float], int]:
    times, frames = [], 0
    async with answer("chats/long", publisher=publisher) as a:
        for number in range(LONG):
            a.text(f"word{number % 10} ")
            if number % 20 == 0:
                await asyncio.sleep(0.04)
        await asyncio.sleep(1)
        for _ in range(RESUMES):
            began = time.perf_counter()
            reader, writer = await ask(port, "long")
            said = await reader.readuntil(b"transfer-encoding: chunked\r\n\r\n")
            while said.count(b"word") < LONG:
                said += await reader.read(1 << 20)
            times.append((time.perf_counter() - began) * 1000)
            frames = said.count(b"text-delta")
            writer.close()
    return times, frames


async def measure(port: int, url: str, answers: int, seconds: float) -> None:
    log = RedisEventLog(url)
    publisher = Publisher(log)
    waits = sorted(wait / 1000 for wait in await live(port, publisher, answers, seconds))
    p50, p99 = (waits[int(len(waits) * share)] for share in (0.5, 0.99))
    print(f"{answers} answers at once, {len(waits)} tokens read, of {TOKENS_PER_SECOND} a second")
    print(f"from a.text to the reader: p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {waits[-1]:.1f} ms")
    times, frames = await resume(port, publisher)
    print(
        f"resuming {LONG} tokens: median {statistics.median(times):.1f} ms, "
        f"most {max(times):.1f} ms, in {frames} delta"
    )
    await log.close()


def main() -> None:
    answers = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    raise_file_limit()
    cores = layout(shared=True)
    with (
        tempfile.TemporaryDirectory() as name,
        Redis(cores=cores.redis, directory=Path(name)) as redis,
    ):
        port = free_port()
        environ = {
            "STREAMER_PORT": str(port),
            "STREAMER_REDIS_URL": redis.url,
            "STREAMER_MAX_CONNECTIONS_PER_CLIENT": "0",
        }
        command = [sys.executable, "-m", "streamer", "serve"]
        with Process(command, cores=cores.server, directory=Path(name), environ=environ) as server:
            server.wait_for_port(port)
            asyncio.run(measure(port, redis.url, answers, seconds))


if __name__ == "__main__":
    main()
