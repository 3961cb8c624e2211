"""Every upload ends once: whole, refused, cancelled or expired, whoever is away meanwhile."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from streamer.config.settings import Settings
from streamer.errors import InvalidSource, NotFound
from streamer.events.topic import job_topic
from streamer.jobs import lifecycle
from streamer.jobs.lifecycle import Run
from streamer.jobs.transcode.ffmpeg import FfmpegKilled
from streamer.jobs.transcode.probe import probe as probe_of_ffmpeg
from streamer.publishing.publisher import Publisher
from streamer.uploads import settling
from streamer.uploads.uploads import Uploads
from support.jobs import UnreliableLog, bodies_of
from support.live import Live
from support.tus import (
    begin,
    chunks_of,
    end_of,
    events_of,
    id_of,
    look,
    offset_of,
    patching,
    quarantine,
    send,
)
from support.waiting import DEADLINE, wait_until_blocking


def files_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.suffix != ".lock")


async def ends_of(log: UnreliableLog, project: str = "p") -> list[dict[str, Any]]:
    """The events of a project that are an end."""
    bodies = await bodies_of(log, f"projects/{project}")
    return [
        body
        for body in bodies
        if body["type"] in {"completed", "error"} or body.get("status") == "cancelled"
    ]


def test_what_is_no_video_is_refused_and_removed(live: Live, project: str) -> None:
    url = begin(live, project, 1000, 'a "b"\n\x1b[31m\u202e猫.mp4')
    answer = send(url, 0, b"x" * 1000)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_source")
    assert look(url).status_code == 404
    last = end_of(live, f"projects/{project}")
    assert last["type"] == "error"
    assert last["error"] == answer.json()["detail"]
    assert "'a \"b\"[31m猫.mp4' is not a video" in last["error"]
    assert not list(quarantine(live).glob(f"{id_of(url)}*"))


def test_a_cancelled_upload_ends_at_once_also_while_it_comes(live: Live, project: str) -> None:
    url = begin(live, project, 10_000_000)
    job = f"{live.url}/api/v1/jobs/{id_of(url)}"
    assert httpx.get(job).json()["kind"] == "upload"
    with patching(url, 0, 10_000_000) as peer:
        peer.sendall(bytes(1_000_000))
        wait_until_blocking(lambda: offset_of(url) > 0, "nothing came")
        cancelled = httpx.post(f"{job}/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
        assert look(url).status_code == 404
        peer.sendall(bytes(1000))
        assert peer.recv(4096).startswith(b"HTTP/1.1 404 "), "whoever sends it is told"
    assert send(url, 0, b"x").status_code == 404
    assert end_of(live, f"projects/{project}")["status"] == "cancelled"
    assert not list(quarantine(live).glob(f"{id_of(url)}*"))
    assert httpx.post(f"{job}/cancel").json()["status"] == "cancelled"
    kinds = [event["type"] for event in events_of(live, f"projects/{project}")]
    assert kinds.count("status") == 2, "cancelling, and cancelled"


def test_an_upload_that_is_whole_is_not_cancelled_any_more(
    live: Live, project: str, film: bytes
) -> None:
    url = begin(live, project, len(film))
    send(url, 0, film)
    state = httpx.post(f"{live.url}/api/v1/jobs/{id_of(url)}/cancel").json()
    assert state["status"] == "completed"
    assert look(url).status_code == 200


# Without a server


async def test_what_is_not_continued_is_removed_and_reported(
    uploads: Uploads, log: UnreliableLog, tmp_path: Path
) -> None:
    stored, _ = await uploads.create("a.mp4", "p", 10)
    await uploads.sweep()
    assert stored.part.exists()
    os.utime(stored.part, (1.0, 1.0))
    await uploads.sweep()
    assert files_in(tmp_path / "uploads") == []
    (end,) = await ends_of(log)
    assert end["error"] == "the upload was not continued for 0.0167 hours"


async def test_what_was_whole_when_a_process_ended_is_finished_once(
    open_uploads: Callable[[], Uploads], log: UnreliableLog, tmp_path: Path, film: bytes
) -> None:
    one, other = open_uploads(), open_uploads()
    stored, _ = await one.create("a.mp4", "p", len(film))
    stored.part.write_bytes(film)
    await asyncio.gather(one.sweep(), other.sweep())
    assert (tmp_path / "media" / "uploads" / stored.id).read_bytes() == film
    assert stored.read().reported
    (end,) = await ends_of(log)
    assert end["result"]["source"] == f"uploads/{stored.id}"
    assert await asyncio.to_thread(stored.offset, stored.read()) == len(film)


async def test_a_piece_that_a_sweep_finishes_first_is_no_failure(
    open_uploads: Callable[[], Uploads], log: UnreliableLog, film: bytes
) -> None:
    one, other = open_uploads(), open_uploads()
    stored, record = await one.create("a.mp4", "p", len(film))
    await one.receive(stored, record, 0, chunks_of(film[:-1]))
    last, _ = await asyncio.gather(
        one.receive(stored, record, len(film) - 1, chunks_of(film[-1:])), other.sweep()
    )
    await other.sweep()
    assert last == len(film)
    assert len(await ends_of(log)) == 1


async def test_what_a_power_cut_left_is_removed(uploads: Uploads, tmp_path: Path) -> None:
    stored, _ = await uploads.create("a.mp4", "p", 10)
    record = stored.part.with_suffix(".json")
    record.write_bytes(b"")
    half = stored.part.with_suffix(".abcd.new")
    half.write_bytes(b"{")
    with pytest.raises(NotFound):
        await uploads.look(stored.id)
    await uploads.sweep()
    assert stored.part.exists(), "it may be somebody's who is creating it"
    for path in (stored.part, record, half):
        os.utime(path, (1.0, 1.0))
    await uploads.sweep()
    assert files_in(tmp_path / "uploads") == []


async def test_while_the_log_is_away_an_upload_goes_on_and_its_end_is_reported_later(
    uploads: Uploads, log: UnreliableLog, film: bytes
) -> None:
    log.go_away()
    stored, record = await uploads.create("a.mp4", "p", len(film))
    assert await uploads.receive(stored, record, 0, chunks_of(film)) == len(film)
    await uploads.sweep()
    assert await ends_of(log) == []
    log.come_back()
    await uploads.sweep()
    await uploads.sweep()
    (end,) = await ends_of(log)
    assert end["type"] == "completed"


async def test_while_the_log_is_away_a_refusal_and_a_cancel_are_kept_until_they_are_reported(
    uploads: Uploads, log: UnreliableLog, tmp_path: Path
) -> None:
    refused, record = await uploads.create("a.mp4", "p", 4)
    cancelled, _ = await uploads.create("b.mp4", "p", 4)
    log.go_away()
    with pytest.raises(InvalidSource):
        await uploads.receive(refused, record, 0, chunks_of(b"none"))
    assert await uploads.cancel(cancelled.id)
    for stored in (refused, cancelled):
        with pytest.raises(NotFound):
            await uploads.look(stored.id)
    assert files_in(tmp_path / "uploads") == sorted(f"{s.id}.json" for s in (refused, cancelled))
    log.come_back()
    await uploads.sweep()
    ends = {end["job_id"]: end for end in await ends_of(log)}
    assert "not a video" in ends[refused.id]["error"]
    assert ends[cancelled.id]["status"] == "cancelled"
    assert files_in(tmp_path / "uploads") == []


async def test_a_cancel_at_a_server_with_another_disk_is_obeyed_by_the_next_sweep(
    uploads: Uploads, log: UnreliableLog
) -> None:
    stored, _ = await uploads.create("a.mp4", "p", 10)
    run = Run(("projects/p", job_topic(stored.id)), "upload")
    await lifecycle.cancelling(run).publish_with(Publisher(log))
    await uploads.sweep()
    with pytest.raises(NotFound):
        await uploads.look(stored.id)
    assert [end["status"] for end in await ends_of(log)] == ["cancelled"]


async def test_a_cancel_while_it_is_probed_leaves_no_video(
    uploads: Uploads,
    log: UnreliableLog,
    tmp_path: Path,
    film: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored, record = await uploads.create("a.mp4", "p", len(film))
    loop = asyncio.get_running_loop()

    def probe(descriptor: int) -> object:
        asyncio.run_coroutine_threadsafe(uploads.cancel(stored.id), loop).result(DEADLINE)
        return probe_of_ffmpeg(descriptor)

    monkeypatch.setattr(settling, "probe", probe)
    with pytest.raises(NotFound):
        await uploads.receive(stored, record, 0, chunks_of(film))
    assert [end["status"] for end in await ends_of(log)] == ["cancelled"]
    assert list((tmp_path / "media" / "uploads").iterdir()) == []
    assert files_in(tmp_path / "uploads") == []


async def test_of_a_cancelled_upload_nothing_more_is_received(uploads: Uploads) -> None:
    stored, record = await uploads.create("a.mp4", "p", 1000)
    asked = []

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"
        await uploads.cancel(stored.id)
        yield b"y"
        asked.append("for more")
        yield b"z"

    with pytest.raises(NotFound):
        await uploads.receive(stored, record, 0, chunks())
    assert asked == []


async def test_a_probe_that_something_else_ended_is_tried_again(
    uploads: Uploads, log: UnreliableLog, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_descriptor: int) -> None:
        raise FfmpegKilled("killed by the system")

    stored, record = await uploads.create("a.mp4", "p", len(film))
    with monkeypatch.context() as patched:
        patched.setattr(settling, "probe", killed)
        assert await uploads.receive(stored, record, 0, chunks_of(film)) == len(film)
    assert await ends_of(log) == []
    await uploads.sweep()
    assert len(await ends_of(log)) == 1


async def test_videos_are_kept_as_results_are(
    uploads: Uploads, settings: Settings, film: bytes
) -> None:
    folder = settings.media_dir / "uploads"
    folder.mkdir(parents=True)
    old, own = folder / ("0" * 32), folder / "holiday.mp4"
    for path in (old, own, folder / f".{'0' * 32}.new"):
        path.write_bytes(film)
        os.utime(path, (1.0, 1.0))
    stored, record = await uploads.create("a.mp4", "p", len(film))
    await uploads.receive(stored, record, 0, chunks_of(film))
    await uploads.sweep()
    assert sorted(path.name for path in folder.iterdir()) == sorted([stored.id, own.name])


async def test_the_oldest_videos_make_room(tmp_path: Path, log: UnreliableLog, film: bytes) -> None:
    settings = Settings(data_dir=tmp_path, output_age=0, output_bytes=2 * len(film) + 10)
    uploads, folder = Uploads(settings, log, Publisher(log)), settings.media_dir / "uploads"
    ids = []
    for n in range(3):
        stored, record = await uploads.create("a.mp4", "p", len(film))
        await uploads.receive(stored, record, 0, chunks_of(film))
        os.utime(folder / stored.id, (n, n))
        ids.append(stored.id)
    await uploads.sweep()
    assert sorted(path.name for path in folder.iterdir()) == sorted(ids[1:])
