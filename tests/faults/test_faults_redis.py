from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from support.fault_clock import ClockedRedis
from support.fault_readers import PATIENCE, Poller, SseReader
from support.fault_schedule import clock_is_set_back, redis_is_flushed
from support.fault_stage import Stage, staged
from support.quota_redis import QuotaRedis
from support.requirements import needs
from support.servers import Server

#: Starts a stage over a Redis with settings of its own.
StageOver = Callable[..., Stage]


@pytest.fixture
def stage_over(seed: int) -> Iterator[StageOver]:
    with ExitStack() as stack:

        def start(*redis_settings: str, directory: Path | None = None, **settings: str) -> Stage:
            own = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="st-")))
            server = Server(needs("redis-server"), directory or own, *redis_settings)
            stack.callback(server.stop)
            server.start()
            return stack.enter_context(staged(server, seed, own, **settings))

        yield start


@pytest.mark.parametrize("fsync", ["everysec", "always"])
async def test_redis_killed_and_restarted_loses_nothing(stage_over: StageOver, fsync: str) -> None:
    """After `kill -9` all that was acknowledged is in the log, and every reader sees it once."""
    stage = stage_over("--appendfsync", fsync)
    async with stage.load(silence=PATIENCE) as load:
        stage.redis.kill()
        assert "Redis" in await load.refused()
        await stage.is_ready(ready=False)
        stage.redis.start()
        await load.flows(20)
        verdict = await load.settle()
        assert verdict.declared == 0
        assert [reader.connections for reader in load.readers] == [
            1,
            1,
            load.readers[2].connections,
        ]
        assert "clean end" not in load.readers[0].told


async def test_redis_stopped_in_its_tracks_is_noticed_and_loses_nothing(stage: Stage) -> None:
    """A Redis that holds its sockets and answers nobody: publishers are told, streams stay."""
    async with stage.load(silence=PATIENCE) as load:
        stage.redis.freeze()
        assert "did not answer in time" in await load.refused()
        await stage.is_ready(ready=False)
        stage.redis.thaw()
        await load.flows(20)
        verdict = await load.settle()
        assert verdict.declared == 0
        assert load.readers[0].connections == load.readers[1].connections == 1
        await stage.is_ready()


async def test_subscribers_killed_by_redis_miss_nothing(stage: Stage) -> None:
    """`CLIENT KILL TYPE pubsub`, three times: what came in between is read from the log."""
    async with stage.load() as load:
        for _ in range(3):
            with stage.redis.client() as client:
                assert client.client_kill_filter(_type="pubsub") >= 1
            await load.flows(5)
        verdict = await load.settle()
        assert verdict.declared == 0


async def test_a_flushed_redis_is_a_gap_and_the_stream_goes_on(stage: Stage) -> None:
    """`FLUSHALL`: who comes back with an older cursor is told, and everybody reads on."""
    async with stage.load() as load, AsyncExitStack() as stack:
        away = await stack.enter_async_context(SseReader(stage.client_line.url, stage.topic))
        await away.is_live()
        await away.stop()
        await load.flows(10)
        with stage.redis.client() as client:
            client.flushall()
        await load.flows(10)
        # A process that has the lost events in its tail would still serve them.
        stage.server.kill()
        stage.start()
        await load.flows(10)
        load.readers.append(await stack.enter_async_context(away))
        await load.flows(5)
        verdict = await load.settle(keeps_all=False)
        assert verdict.declared >= 1
        assert [gap.reason for gap in away.gaps] == ["reset"]


async def test_ids_go_on_above_those_of_a_flushed_log_though_its_clock_is_behind(
    stage: Stage,
) -> None:
    """Whoever publishes next knows how far the log had come; who is live has missed nothing."""
    async with stage.load(rate=20) as load:
        await clock_is_set_back(load)
        await load.flows(10)
        ahead = await load.last_id()
        await redis_is_flushed(load)
        await load.flows(10)
        await load.settle(keeps_all=False)
        assert await load.last_id() > ahead
        for reader in load.readers:
            if isinstance(reader, Poller):  # it asks the log, which cannot know what it has seen
                assert all(gap.after < gap.until for gap in reader.gaps)
            else:
                assert reader.gaps == []


async def test_a_full_redis_refuses_publishers_by_name_and_keeps_its_readers(stage: Stage) -> None:
    """`maxmemory` with `noeviction`: 503 that names it; streams stay; then all goes on."""
    async with stage.load(silence=PATIENCE) as load:
        with stage.redis.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 1)
        assert "OOM, its maxmemory is reached" in await load.refused()
        with stage.redis.client() as client:
            client.config_set("maxmemory", 0)
        await load.flows(20)
        verdict = await load.settle()
        assert verdict.declared == 0
        assert load.readers[0].connections == load.readers[1].connections == 1


@contextmanager
def _small_disk() -> Iterator[Path]:
    """A file system of 4 MiB, if this user may mount one."""
    with tempfile.TemporaryDirectory(prefix="st-") as directory:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "none", directory],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.strip()}")
        try:
            yield Path(directory)
        finally:
            subprocess.run(["umount", "--lazy", directory], check=True)


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass


async def test_a_full_disk_under_redis_refuses_publishers_and_loses_nothing(
    stage_over: StageOver,
) -> None:
    """The append-only file cannot grow: 503 that says so; with room again all goes on."""
    with _small_disk() as disk:
        stage = stage_over(directory=disk)
        async with stage.load() as load:
            ballast = disk / "ballast"
            _fill(ballast)
            assert "MISCONF, it cannot save to disk" in await load.refused()
            ballast.unlink()
            await load.flows(20)
            verdict = await load.settle()
            assert verdict.declared == 0
            stage.redis.kill()  # and what was acknowledged is on the disk
            stage.redis.start()
            await load.settle()


@pytest.fixture
def quota_redis(short_dir: Path) -> Iterator[QuotaRedis]:
    server = QuotaRedis(short_dir)
    server.start()
    yield server
    server.stop()


async def test_a_file_that_may_not_grow_refuses_publishers_and_loses_nothing(
    quota_redis: QuotaRedis, seed: int, short_dir: Path
) -> None:
    """As with a full disk, by a quota: the append-only file reaches the size it may have."""
    with staged(quota_redis, seed, short_dir) as stage:
        async with stage.load() as load:
            quota_redis.fill()
            assert "MISCONF, it cannot save to disk" in await load.refused()
            quota_redis.empty()
            await load.flows(20)
            verdict = await load.settle()
            assert verdict.declared == 0


@pytest.fixture
def clocked_redis(short_dir: Path) -> Iterator[ClockedRedis]:
    server = ClockedRedis(short_dir)
    server.start()
    yield server
    server.stop()


async def test_ids_increase_though_the_clock_of_redis_is_set_back(
    clocked_redis: ClockedRedis, seed: int, short_dir: Path
) -> None:
    """The host's clock goes back by an hour under load, and later forward by two."""
    hour = 3_600_000
    with staged(clocked_redis, seed, short_dir) as stage:
        async with stage.load(silence=PATIENCE) as load:
            last, before = await load.last_id(), clocked_redis.time()
            clocked_redis.set_clock(-3600)
            behind = clocked_redis.time()
            assert before - hour <= behind < before - hour + 60_000, "the clock did not go back"
            await load.flows(20)
            stage.redis.kill()
            stage.redis.start()
            await load.flows(20)
            assert clocked_redis.time() < last.ms - hour + 60_000, "it came back by itself"
            head = await load.last_id()
            assert head > last
            # Redis itself keeps the order of a stream, but not that of one with another.
            another = await stage.log.append(new_event("projects/another", "tick", {}))
            assert another is not None
            assert another > head

            clocked_redis.set_clock(3600)
            ahead = clocked_redis.time()
            assert ahead >= behind + 2 * hour, "the clock did not go forward"
            await load.flows(20)
            verdict = await load.settle()
            assert verdict.declared == 0
            assert (await load.last_id()).ms >= ahead, "ids did not follow the clock"
            assert load.readers[0].connections == load.readers[1].connections == 1


async def test_what_retention_removed_is_a_gap_and_nothing_else_is(stage_over: StageOver) -> None:
    """With 30 events kept, readers that are cut off again and again are told what they missed."""
    stage = stage_over(STREAMER_RETENTION_LENGTH="30", STREAMER_TAIL_EVENTS="5")
    async with stage.load(rate=100) as load:
        for _ in range(2):
            stage.client_line.refuse()
            stage.client_line.cut(reset=True)
            await load.stores(80)
            stage.client_line.accept()
            await load.flows(5)
        verdict = await load.settle(keeps_all=False)
        assert verdict.declared > 0


async def test_a_log_that_was_rolled_back_is_a_reset(stage: Stage) -> None:
    """Redis restored from an older copy: readers ahead of it are told, and go on from there."""
    async with stage.load(worker=False) as load:
        for publisher in load.publishers:
            await publisher.finish()
        head = await load.last_id()
        for reader in load.readers:
            await reader.reach(head)
            await reader.stop()
            reader.may_go_back = True  # the only process that knows more is killed
        with stage.redis.client() as client:
            older = f"{head.ms - 1}-0"
            entries: Any = client.xrange(stage.stream_key, f"({older}", "+")
            client.xdel(stage.stream_key, *[id_ for id_, _ in entries])
            client.set(stage.clock_key, older)
        stage.server.kill()
        stage.start()
        for reader in load.readers:
            await reader.__aenter__()
        await load.waits(lambda: all(r.gaps for r in load.readers), "not all were told")
        resets = [gap for reader in load.readers for gap in reader.gaps]
        assert [gap.reason for gap in resets] == ["reset"] * len(load.readers)
        assert {gap.until for gap in resets} == {Cursor.parse(older)}
