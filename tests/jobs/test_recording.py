"""What an AI server streams is recorded once, in order, and says what it lacks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.jobs.place import set_progress
from streamer.jobs.progress import Progress
from streamer.jobs.recording import recording, upstream
from streamer.jobs.recording.frames import Frame
from streamer.jobs.recording.playback import Playback
from streamer.jobs.recording.record_events import RecordEvents
from streamer.jobs.recording.recorder import Recorder, Superseded
from streamer.jobs.recording.recording import RECORDING, NotRecorded, Recording
from streamer.jobs.stops import JobCancelled, Raised
from streamer.publishing.sync_publisher import SyncPublisher
from support.ai_server import AiServer, Script, response
from support.jobs import UnreliableLog, bodies_of
from support.waiting import wait_until_blocking

TOPIC = "responses/resp_1"


class Stopped(BaseException):
    """What a queue raises in a job whose worker stops."""


@pytest.fixture
def log() -> UnreliableLog:
    return UnreliableLog()


@pytest.fixture
def publisher(log: UnreliableLog) -> Iterator[SyncPublisher]:
    with SyncPublisher(lambda: log, backoff=lambda _: 0.01) as publisher:
        yield publisher


def played(log: MemoryEventLog) -> tuple[Playback, list[Frame]]:
    """The recording, as whoever plays it back from its beginning has it."""
    playback = Playback()
    frames: list[Frame] = []
    for body in asyncio.run(bodies_of(log, TOPIC)):
        frames += playback.take(body["type"], body)
    return playback, frames


#: Runs the job that records, as its first attempt or a later one.
Record = Callable[..., Any]


@pytest.fixture
def record(publisher: SyncPublisher, tmp_path: Path) -> Iterator[Record]:
    def run(url: str, attempt: int = 1, when: Callable[[Progress], None] | None = None) -> Any:  # noqa: ANN401
        job = Progress(
            lambda *_: None,
            attempt=attempt,
            publisher=publisher,
            raised=Raised(interrupted=Stopped),
        )
        if when is not None:
            threading.Thread(target=when, args=(job,)).start()
        set_progress(job)
        asked = Recording("responses", TOPIC, "resp_1", '{"input":"x","stream":true}')
        return RECORDING.run(asked, Settings(ai_url=url, data_dir=tmp_path))

    yield run
    set_progress(None)


def test_while_the_log_is_away_frames_wait_and_each_is_recorded_once(
    log: UnreliableLog, publisher: SyncPublisher
) -> None:
    """Refused, and stored without a reply."""
    frames = [Frame(n, "x", f"{n} " + "ü" * 9000) for n in range(8)]

    async def record_all() -> None:
        recorder = Recorder(publisher, RecordEvents(TOPIC))
        writing = asyncio.create_task(recorder.run())
        for n, frame in enumerate(frames):
            log.refusals, log.lost_replies = n % 3, n % 2
            await recorder.add(frame)
        recorder.close()
        await writing

    asyncio.run(record_all())
    _, found = played(log)
    assert found == frames


def test_an_attempt_that_was_thought_dead_records_nothing_more(
    log: UnreliableLog, publisher: SyncPublisher
) -> None:
    async def two_attempts() -> None:
        old, new = (Recorder(publisher, RecordEvents(TOPIC, attempt)) for attempt in (1, 2))
        events = RecordEvents(TOPIC, 2)
        await old.append([RecordEvents(TOPIC).begun("m", 0)])
        await new.append([events.begun("m", 0)])
        await old.append(RecordEvents(TOPIC).frames([Frame(0, "x", "old")]))
        with pytest.raises(Superseded):
            await old.append(RecordEvents(TOPIC).frames([Frame(1, "x", "old")]))
        await new.append(events.frames([Frame(0, "x", "new")]))
        await new.append([events.ended("completed")])
        with pytest.raises(Superseded):
            await new.append(events.frames([Frame(n, "x", "late") for n in (1, 2)]) * 2)

    asyncio.run(two_attempts())
    assert [frame.data for frame in played(log)[1]] == ["new"]


def test_what_another_attempt_recorded_is_ended_and_not_gone_on_with(
    log: UnreliableLog, record: Record, publisher: SyncPublisher
) -> None:
    """The AI server is not asked again: its answer would be another."""

    async def first() -> None:
        recorder = Recorder(publisher, RecordEvents(TOPIC))
        await recorder.append([RecordEvents(TOPIC).begun("m", 0)])
        await recorder.append(RecordEvents(TOPIC).frames([Frame(0, "response.created", "{}")]))

    asyncio.run(first())
    with AiServer(response("Hi")) as server, pytest.raises(NotRecorded, match="an earlier attempt"):
        record(server.url, attempt=2)
    playback, frames = played(log)
    assert (len(frames), server.requests) == (1, [])
    assert playback.end is not None
    assert (playback.end.status, playback.end.reason) == ("failed", "worker_lost")


def test_what_no_attempt_has_begun_to_record_is_recorded_by_the_next(
    log: UnreliableLog, record: Record, publisher: SyncPublisher
) -> None:
    asyncio.run(
        Recorder(publisher, RecordEvents(TOPIC)).append([RecordEvents(TOPIC).begun("m", 0)])
    )
    with AiServer(response("Hi")) as server:
        record(server.url, attempt=2)
        assert record(server.url, attempt=3) == {"frames": 0}
    playback, _ = played(log)
    assert playback.end is not None
    assert playback.end.status == "completed"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("stop", "raised", "reason"),
    [
        (Progress.interrupt, Stopped, "worker_stopped"),
        (Progress.cancel, JobCancelled, "cancelled"),
    ],
)
def test_a_worker_that_stops_says_so(
    log: UnreliableLog,
    record: Record,
    stop: Callable[[Progress], None],
    raised: type[BaseException],
    reason: str,
) -> None:
    with AiServer([*response("Hi ", "there")[:6], threading.Event()]) as server:

        def when(job: Progress) -> None:
            server.asked()
            stop(job)

        with pytest.raises(raised):
            record(server.url, when=when)
        wait_until_blocking(lambda: server.left == 1, "the AI server was not left")
    playback, _ = played(log)
    assert playback.end is not None
    assert playback.end.reason == reason


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ([response("Hi")[0], threading.Event()], "was silent for 0.1 s"),
        (response("x" * 2000), "more than 1000 characters"),
        ([b"data: [1]\n\n"], "no JSON object"),
        ([b'data: {"sequence_number":1}\n\n'], "without a type"),
        ([b'data: {"type":"x\xff"}\n\n'], "no JSON object"),
    ],
)
def test_a_stream_that_is_none_has_failed(
    log: UnreliableLog,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
    script: Script,
    said: str,
) -> None:
    monkeypatch.setattr(upstream, "SILENCE_SECONDS", 0.1)
    monkeypatch.setattr(recording, "MAX_CHARACTERS", 1000)
    with AiServer(script) as server, pytest.raises(NotRecorded, match=said):
        record(server.url)
    playback, _ = played(log)
    assert playback.end is not None
    assert (playback.end.status, playback.end.reason) == ("failed", "upstream_failed")
    assert said in playback.end.error


def test_an_ai_server_that_is_not_there_is_said_to_be_lost(
    log: UnreliableLog, record: Record
) -> None:
    with pytest.raises(NotRecorded):
        record("http://127.0.0.1:9/v1")
    playback, _ = played(log)
    assert playback.refusal is not None
    assert (playback.refusal.status, "127" in playback.refusal.said) == (502, False)


def test_a_frame_whose_beginning_is_no_longer_kept_is_left_out() -> None:
    large = Frame(0, "x", "y" * 200_000)
    events = RecordEvents(TOPIC).frames([large, Frame(1, "x", "z")])
    fields = [msgspec.json.decode(event.fields) for event in events]
    assert len(events) > 3
    for first in range(len(events)):
        playback = Playback()
        found = [f for part in fields[first:] for f in playback.take("frames", part)]
        assert found == ([large] if first == 0 else []) + [Frame(1, "x", "z")]
