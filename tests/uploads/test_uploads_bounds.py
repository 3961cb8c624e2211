"""Every upload has its bounds: bytes, disk, time, and who waits for whom."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamer.config.settings import Settings
from streamer.errors import (
    InvalidFields,
    InvalidSource,
    RequestTimeout,
    TooManyUploads,
    UploadLocked,
    UploadSpace,
    UploadTooLarge,
)
from streamer.publishing.publisher import Publisher
from streamer.uploads.uploads import Uploads
from support.jobs import UnreliableLog, bodies_of
from support.live import StartLive
from support.tus import begin, chunks_of, patching, released, send
from support.waiting import wait_until_blocking

MEGABYTE = bytes(1_000_000)


def test_a_body_may_be_slow_but_not_as_slow_as_one_who_holds_a_connection(
    start_live: StartLive, project: str
) -> None:
    live = start_live(STREAMER_BODY_TIMEOUT="1")
    url = begin(live, project, 10_000_000)
    with patching(url, 0, 10_000_000) as peer:
        begun = time.monotonic()

        def keep_on() -> bool:
            peer.sendall(bytes(1024))
            return time.monotonic() - begun > 2.5

        wait_until_blocking(keep_on, "the time did not pass")
    there = released(url)
    assert there > 0
    with patching(url, there, 1000) as peer:
        peer.sendall(b"x")
        assert peer.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_who_says_nothing_for_long_is_told_how_much_came_and_keeps_nobody_out(
    start_live: StartLive, project: str
) -> None:
    live = start_live()
    url = begin(live, project, 10_000)
    with patching(url, 0, 10_000) as peer:
        peer.sendall(b"abc")
        answer = peer.recv(4096).lower()
        assert answer.startswith(b"http/1.1 204 ")
        assert b"upload-offset: 3\r\n" in answer
        assert b"connection: close\r\n" in answer
        assert peer.recv(4096) == b"", "the connection is closed: what else it sends is not read"
    assert send(url, 3, b"d").headers["upload-offset"] == "4"


async def test_a_full_disk_loses_nothing_but_the_chunk(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, record = await uploads.create("a.mp4", "p", 3_000_000)
    there = await uploads.receive(stored, record, 0, chunks_of(MEGABYTE))
    assert there == 1_000_000

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("streamer.uploads.appending.os.write", full)
        with pytest.raises(UploadSpace):
            await uploads.receive(stored, record, there, chunks_of(MEGABYTE))
    assert stored.offset(record) == 1_000_000
    assert await uploads.receive(stored, record, there, chunks_of(b"x")) == 1_000_001


async def test_what_the_event_log_needs_of_the_disk_stays_free(
    tmp_path: Path, log: UnreliableLog
) -> None:
    roomy, full = (
        Uploads(Settings(data_dir=tmp_path, disk_reserve=reserve), log, Publisher(log))
        for reserve in (0, 1 << 60)
    )
    for length in (10, None):
        with pytest.raises(UploadSpace, match="STREAMER_DISK_RESERVE"):
            await full.create("a.mp4", "p", length)
    stored, record = await roomy.create("a.mp4", "p", 10)
    with pytest.raises(UploadSpace, match="STREAMER_DISK_RESERVE"):
        await full.receive(stored, record, 0, chunks_of(b"x"))
    assert await roomy.receive(stored, record, 0, chunks_of(b"x")) == 1


async def test_no_more_than_may_be_are_begun_or_kept(tmp_path: Path, log: UnreliableLog) -> None:
    settings = Settings(data_dir=tmp_path, upload_max_unfinished=2, output_bytes=1000)
    uploads = Uploads(settings, log, Publisher(log))
    with pytest.raises(UploadTooLarge, match="at most 1,000 are allowed"):
        await uploads.create("a.mp4", "p", 1001)
    await uploads.create("a.mp4", "p", 10, party="one")
    stored, record = await uploads.create("a.mp4", "p", None, party="two")
    with pytest.raises(TooManyUploads, match="2 uploads are unfinished"):
        await uploads.create("a.mp4", "p", 10, party="three")
    with pytest.raises(UploadTooLarge):
        await uploads.receive(stored, record, 0, chunks_of(bytes(1001)))


async def test_one_that_is_cancelled_keeps_what_came_and_lets_go(uploads: Uploads) -> None:
    stored, record = await uploads.create("a.mp4", "p", 3_000_000)
    asked = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield MEGABYTE
        yield b"and some"
        asked.set()
        await asyncio.Event().wait()

    receiving = asyncio.create_task(uploads.receive(stored, record, 0, chunks()))
    await asked.wait()
    with pytest.raises(UploadLocked):
        await uploads.receive(stored, record, 0, chunks_of(b"x"))
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    assert stored.offset(record) == 1_000_008
    assert await uploads.receive(stored, record, 1_000_008, chunks_of(b"x")) == 1_000_009


async def test_one_that_comes_in_one_go_is_whole_or_nothing(
    uploads: Uploads, log: UnreliableLog, settings: Settings, film: bytes
) -> None:
    stored, record = await uploads.create("a.mp4", "p", None)
    await uploads.receive_whole(stored, record, chunks_of(film[:99], film[99:]))
    assert (settings.media_dir / "uploads" / stored.id).read_bytes() == film
    assert (await uploads.look(stored.id))[2] == len(film)

    async def broken() -> AsyncIterator[bytes]:
        yield film
        raise InvalidFields("the form is cut off")

    for chunks, error in ((chunks_of(b"no video"), InvalidSource), (broken(), InvalidFields)):
        stored, record = await uploads.create("a.mp4", "p", None)
        with pytest.raises(error) as refused:
            await uploads.receive_whole(stored, record, chunks)
        last = (await bodies_of(log, f"jobs/{stored.id}"))[-1]
        assert last["error"] == str(refused.value)
        assert not stored.part.exists()


async def test_one_go_that_falls_silent_is_not_taken_for_whole(
    uploads: Uploads, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.uploads.uploads._LONG_SILENCE_SECONDS", 0.01)

    async def silent() -> AsyncIterator[bytes]:
        yield film
        await asyncio.Event().wait()

    stored, record = await uploads.create("a.mp4", "p", None)
    with pytest.raises(RequestTimeout):
        await uploads.receive_whole(stored, record, silent())
    assert not stored.part.exists()


async def test_a_directory_that_is_gone_is_made_again(
    uploads: Uploads, settings: Settings, film: bytes
) -> None:
    stored, record = await uploads.create("a.mp4", "p", len(film))
    for path in settings.upload_dir.iterdir():
        path.unlink()
    settings.upload_dir.rmdir()
    await uploads.sweep()
    stored, record = await uploads.create("a.mp4", "p", len(film))
    assert await uploads.receive(stored, record, 0, chunks_of(film)) == len(film)
    assert (settings.media_dir / "uploads" / stored.id).read_bytes() == film
