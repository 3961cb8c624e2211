"""``streamer backup`` and ``streamer restore``: the embedded log in one file, and back."""

from __future__ import annotations

import asyncio
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, rmtree

import httpx
import pytest
import redis
from click.testing import CliRunner, Result

from streamer.cli import main
from streamer.eventlog.embedded.backup import backup_to
from streamer.eventlog.embedded.in_place import APPENDED, REPLACED
from streamer.eventlog.embedded.server import EmbeddedServer
from streamer.eventlog.redis.keys import Keys
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN
from streamer.events.new_event import new_event
from support.fault_readers import FaultReader, SseReader, WebSocketReader
from support.ports import free_port
from support.processes import Program, streamer
from support.reading import ids_of, read_all
from support.waiting import wait_until, wait_until_blocking

KEYS = Keys("streamer")
TOPIC = "projects/p1"


def call(*arguments: str | Path, **environ: str) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=environ)


def backup(data_dir: Path, file: Path, *more: str) -> Result:
    return call("backup", file, "--data-dir", data_dir, *more)


def restore(file: Path, data_dir: Path, *more: str) -> Result:
    return call("restore", file, "--data-dir", data_dir, *more)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def said(result: Result) -> str:
    """What it refuses with, as one line; its exit code was 1."""
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.replace("│", " ").split())


def kept(url: str) -> dict[bytes, bytes | None]:
    """Everything that a server holds but for the position of the log."""
    with redis.Redis.from_url(url) as client:
        names = set(client.scan_iter("*", 1000)) - {KEYS.clock.encode(), KEYS.birth.encode()}
        return {name: client.dump(name) for name in names}


def appended(url: str, count: int) -> list[str]:
    """Append so many events; return their ids."""

    async def append() -> list[str]:
        log = RedisEventLog(url)
        ids = [await log.append(new_event(TOPIC, "tick", {"n": n})) for n in range(count)]
        await log.close()
        return [str(id_) for id_ in ids]

    return asyncio.run(append())


def all_ids(url: str, topic: str = TOPIC) -> list[str]:
    """The ids of all events of a topic that a server holds."""

    async def ids() -> list[str]:
        log = RedisEventLog(url)
        found = [str(id_) for id_ in ids_of(await read_all(log, [topic], ORIGIN))]
        await log.close()
        return found

    return asyncio.run(ids())


@pytest.fixture(scope="module")
def source() -> Iterator[Path]:
    """A data directory with a log of three events, and a job that waits."""
    directory = Path(tempfile.mkdtemp(prefix="st-"))
    with EmbeddedServer(directory) as server:
        appended(server.url, 3)
        with redis.Redis.from_url(server.url) as client:
            client.rpush("dramatiq:default", "a job")
    yield directory
    rmtree(directory)


@pytest.fixture(scope="module")
def saved(source: Path) -> Path:
    """A backup of it."""
    file = source / "saved.rdb"
    assert backup(source, file).exit_code == 0
    return file


def test_what_is_restored_is_what_was_there(source: Path, saved: Path, short_dir: Path) -> None:
    """Jobs that wait too; nobody else may read the file, and nothing is left beside it."""
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert names(source) == [APPENDED, "backup.lock", "lock", "saved.rdb", "server.log"]
    result = restore(saved, short_dir)
    assert (result.exit_code, result.output) == (0, f"{short_dir}: the event log of {saved}\n")
    assert names(short_dir) == [APPENDED, "lock"]
    with EmbeddedServer(source) as server:
        there = kept(server.url)
    with EmbeddedServer(short_dir) as server:
        assert kept(server.url) == there
    assert len(there) > 3


def test_a_log_is_saved_while_it_runs_and_is_not_replaced_unasked(
    source: Path, short_dir: Path
) -> None:
    file = short_dir / "log.rdb"
    with EmbeddedServer(source) as server:
        result = backup(source, file)
        assert result.exit_code == 0, result.output
        assert result.output == f"{file}: {file.stat().st_size:,} bytes, checked\n"
        assert "is there; choose another name, or give --replace" in said(backup(source, file))
        before = file.read_bytes()
        appended(server.url, 1)
        assert backup(source, file, "--replace").exit_code == 0
        assert file.read_bytes() != before
    assert names(short_dir) == ["log.rdb"]


async def test_readers_of_what_was_lost_are_told_by_a_reset(short_dir: Path) -> None:
    """They come back from after the backup: a gap, and then new events, with ids above."""
    port, file = free_port(), short_dir / "log.rdb"
    url, data = f"http://127.0.0.1:{port}", short_dir / "d"

    async def started() -> Program:
        program = streamer(
            *("run", "--port", str(port), "--data-dir", data),
            environ={"STREAMER_DRAIN_SECONDS": "0.2", "STREAMER_RETRY_MS": "100"},
        )
        program.__enter__()
        await asyncio.to_thread(program.wait_for, "is ready at")
        return program

    async def publish(count: int) -> list[str]:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            path, event = "/api/v1/projects/p1/events", {"type": "tick"}
            return [(await client.post(path, json=event)).json()["id"] for _ in range(count)]

    program = await started()
    readers: list[FaultReader] = [SseReader(url, TOPIC), WebSocketReader(url, TOPIC)]
    try:
        for reader in readers:
            await reader.__aenter__()
            await reader.is_live()
        first = await publish(3)
        assert (await asyncio.to_thread(backup, data, file)).exit_code == 0
        lost = await publish(3)
        await wait_until(lambda: all(len(r.seen) == 6 for r in readers), "not all was read")
        assert "is in use by process" in said(
            await asyncio.to_thread(restore, file, data, "--replace")
        )
        assert await asyncio.to_thread(program.stop) == 0
        program.__exit__(None, None, None)
        result = await asyncio.to_thread(restore, file, data, "--replace")
        assert result.exit_code == 0, result.output
        assert f"the one that was there is kept: {data / REPLACED}" in result.output
        program = await started()
        await wait_until(lambda: all(r.gaps for r in readers), "not all were told of the gap")
        new = await publish(2)
        await wait_until(lambda: all(len(r.seen) == 8 for r in readers), "nothing new was read")
        for reader in readers:
            (gap,) = reader.gaps
            assert (gap.reason, str(gap.after)) == ("reset", lost[-1])
            assert [str(one.id) for one in reader.seen] == [*first, *lost, *new]
            assert reader.is_well()
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            kept_ids: list[str] = []
            cursor = "0-0"
            while len(kept_ids) < 5:  # a page ends where something was lost
                page = (await client.get(f"/api/v1/projects/p1/events?after={cursor}")).json()
                kept_ids += [event["id"] for event in page["events"]]
                cursor = page["cursor"]
        assert kept_ids == [*first, *new]
    finally:
        for reader in readers:
            await reader.__aexit__(None, None, None)
        program.__exit__(None, None, None)


def test_a_log_that_is_there_is_kept_unless_it_is_to_be_replaced(
    saved: Path, short_dir: Path
) -> None:
    """Then it is beside it, and what was there before that is gone: one, the last."""
    assert restore(saved, short_dir).exit_code == 0
    assert "has an event log" in said(restore(saved, short_dir))
    for _ in range(2):
        assert restore(saved, short_dir, "--replace").exit_code == 0
    assert names(short_dir) == [APPENDED, REPLACED, "lock"]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.95, 0.999])
def test_a_backup_that_is_cut_off_is_refused(saved: Path, short_dir: Path, share: float) -> None:
    cut = short_dir / "cut.rdb"
    whole = saved.read_bytes()
    cut.write_bytes(whole[: int(len(whole) * share)])
    assert "is damaged, or no backup: " in said(restore(cut, short_dir / "d"))
    assert names(short_dir / "d") == ["lock"]


def test_a_backup_with_one_wrong_bit_is_refused(saved: Path, short_dir: Path) -> None:
    bad = short_dir / "bad.rdb"
    data = bytearray(saved.read_bytes())
    data[data.index(b"tick")] ^= 1
    bad.write_bytes(data)
    assert f"{bad} is damaged, or no backup: RDB CRC error" in said(restore(bad, short_dir / "d"))


def test_what_a_newer_streamer_kept_is_refused_and_nothing_is_changed(
    saved: Path, short_dir: Path
) -> None:
    newer, file = short_dir / "newer", short_dir / "newer.rdb"
    assert restore(saved, newer).exit_code == 0
    with EmbeddedServer(newer) as server, redis.Redis.from_url(server.url) as client:
        client.set(KEYS.birth, b"schema 2 " + (client.get(KEYS.birth) or b""))
        assert backup(newer, file).exit_code == 0
    here = short_dir / "here"
    assert restore(saved, here).exit_code == 0
    before = {path: path.read_bytes() for path in (here / APPENDED).iterdir()}
    refusal = said(restore(file, here, "--replace"))
    assert "kept by a newer Streamer" in refusal
    assert "schema 2, of which this one knows 1" in refusal
    assert {path: path.read_bytes() for path in (here / APPENDED).iterdir()} == before
    assert names(here) == [APPENDED, "lock"]


def test_a_backup_of_another_prefix_is_named(source: Path, saved: Path, short_dir: Path) -> None:
    for result in (
        call("restore", saved, "--data-dir", short_dir, "--prefix", "other"),
        call("backup", short_dir / "f", "--data-dir", source, "--prefix", "other"),
    ):
        refusal = said(result)
        assert "holds no event log of the prefix other (STREAMER_PREFIX)" in refusal
        assert "it has those of streamer" in refusal


def test_where_there_is_nothing_to_save_or_restore_that_is_said(short_dir: Path) -> None:
    assert "has no event log" in said(backup(short_dir, short_dir / "f"))
    assert "is not there" in said(restore(short_dir / "f", short_dir))
    with EmbeddedServer(short_dir) as server:
        appended(server.url, 1)
        assert "is a directory; name a file" in said(backup(short_dir, short_dir))


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_redis_of_ones_own_is_its_operators_to_save(command: str, short_dir: Path) -> None:
    url = "redis://:secret@127.0.0.1:6379"
    result = call(command, short_dir / "f", STREAMER_REDIS_URL=url)
    assert result.exit_code == 2
    assert "back it up as its operator does" in " ".join(result.output.replace("│", " ").split())
    assert "secret" not in result.output


def test_a_backup_that_fails_leaves_nothing(source: Path, short_dir: Path) -> None:
    file = short_dir / "f"

    def break_off() -> None:
        with backup_to(file, source, 0, replace=False):
            assert "another backup" in said(backup(source, file))
            raise RuntimeError("the log is gone")

    with pytest.raises(RuntimeError, match="gone"):
        break_off()
    assert names(short_dir) == []


def test_a_place_where_no_backup_can_be_written_is_named_as_it_was_given(source: Path) -> None:
    assert said(backup(source, Path("/proc/f"))).split("─╮ ")[1].startswith("/proc/f: No such file")


def test_a_disk_that_a_backup_might_fill_is_left_alone(source: Path, short_dir: Path) -> None:
    """The event log is on it."""
    result = call(
        *("backup", short_dir / "f", "--data-dir", source), STREAMER_DISK_RESERVE=str(2**62)
    )
    assert "are kept free for the event log (STREAMER_DISK_RESERVE)" in said(result)
    assert names(short_dir) == []


def test_ids_of_a_restored_log_go_on_above(saved: Path, short_dir: Path) -> None:
    """Of the events that it holds, each is there; a new one is above what might have been."""
    assert restore(saved, short_dir).exit_code == 0
    with EmbeddedServer(short_dir) as server:
        there = all_ids(server.url)
        (new,) = appended(server.url, 1)
        assert all_ids(server.url) == [*there, new]
    assert len(there) >= 3


@pytest.mark.parametrize("state", ["loading", "loaded", "old one aside"])
def test_a_restore_that_was_killed_is_as_if_it_had_not_been_or_is_finished(
    source: Path, saved: Path, short_dir: Path, state: str
) -> None:
    """Whenever that was; never is there an empty log in the place of either."""
    assert restore(saved, short_dir).exit_code == 0
    with EmbeddedServer(short_dir) as server:
        older = appended(server.url, 1)
    new = short_dir / f"{APPENDED}.restored"
    if state == "loading":
        (short_dir / ".restore-1").mkdir()
        (short_dir / ".restore-1" / APPENDED).mkdir()
    else:
        copytree(source / APPENDED, new)
    if state == "old one aside":
        (short_dir / APPENDED).rename(short_dir / REPLACED)
    with EmbeddedServer(short_dir) as server:
        ids = all_ids(server.url)
    assert (older[0] in ids) is (state == "loading")
    assert len(ids) >= 3
    assert not new.exists()
    assert restore(saved, short_dir, "--replace").exit_code == 0
    assert set(names(short_dir)) <= {APPENDED, REPLACED, "lock", "server.log"}


def test_a_backup_under_load_is_of_one_moment(source: Path, short_dir: Path) -> None:
    """All up to one event, and none after it: also what is known of a retry."""
    file, stopping = short_dir / "log.rdb", threading.Event()
    published: list[str] = []

    def publish(url: str) -> None:
        async def go_on() -> None:
            log = RedisEventLog(url)
            while not stopping.is_set():
                number = len(published)
                event = new_event("load/1", "tick", {}, idempotency_key=f"k{number}")
                published.append(str(await log.append(event)))
            await log.close()

        asyncio.run(go_on())

    with EmbeddedServer(source) as server:
        publisher = threading.Thread(target=publish, args=(server.url,))
        publisher.start()
        try:
            wait_until_blocking(lambda: len(published) > 20, "nothing is published")
            assert backup(source, file).exit_code == 0
            count = len(published)
            wait_until_blocking(lambda: len(published) > count + 20, "nothing more is published")
        finally:
            stopping.set()
            publisher.join()
    assert restore(file, short_dir / "d").exit_code == 0
    with EmbeddedServer(short_dir / "d") as server:
        found = all_ids(server.url, "load/1")

        async def known() -> set[str]:
            log = RedisEventLog(server.url)
            keys = await log.known_keys("load/1", [f"k{n}" for n in range(len(published))])
            await log.close()
            return keys

        keys = asyncio.run(known())
    last = published.index(found[-1])
    assert 20 < last + 1 < len(published)
    assert found == published[: last + 1][-1000:]
    assert keys == {f"k{number}" for number in range(last + 1)}
