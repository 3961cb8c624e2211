"""What ``streamer tail`` makes of events on a terminal: rows of jobs at work, and lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text

from streamer.cli.bars import MAX_BARS, Bars
from streamer.cli.pace import TIMES
from streamer.client import Event
from streamer.client.event import event_of
from streamer.client.received import Received

BEGIN = datetime(2026, 11, 28, 8, 0, 0, tzinfo=UTC)


def received(event_type: str, at: float | None = None, **fields: object) -> Event:
    """An event, `at` so many seconds after the begin."""
    stamp = {} if at is None else {"timestamp": f"{BEGIN + timedelta(seconds=at):%FT%T.%fZ}"}
    return event_of(Received("", json.dumps({"type": event_type, **stamp, **fields}).encode()))


def of_job(job_id: str, event_type: str, at: float | None = None, **fields: object) -> Event:
    named = {"topic": "projects/p", "job_id": job_id, "task_name": "encode"}
    return received(event_type, at, **{**named, **fields})


def shown_by(width: int, *events: Event, height: int = 40) -> tuple[list[str], list[str]]:
    """The rows that are left, top down, and the lines that were written."""
    written = StringIO()
    console = Console(file=written, width=width, height=height, color_system=None)
    with Bars("projects/p at http://h", console) as bars:
        for event in events:
            bars.event(event)
        rows: list[Text] = list(bars._lines(console.options))
        lines = written.getvalue().splitlines()
    assert all(row.cell_len < max(width, 2) for row in rows)
    return [row.plain.rstrip() for row in rows], lines


def test_each_job_at_work_has_a_row_with_its_name_its_bar_and_how_far_it_is() -> None:
    """And its pace: as its publisher says, or else as it was watched."""
    rows, lines = shown_by(
        80,
        of_job("aaaaaaaa-1", "progress", 0, progress=0.25, metadata={"speed": 2.5, "eta": 42}),
        of_job("bbbbbbbb-2", "progress", 0, progress=0.1, task_name="trim"),
        of_job("bbbbbbbb-2", "progress", 10, progress=0.3, task_name="trim"),
        of_job("cccccccc-3", "progress", 0, progress=0.999),
        of_job("dddddddd-4", "progress", 0, progress=0.5, eta_seconds=61.5),
    )
    assert rows[0].startswith("▸ encode aaaaaaaa ━━━━")
    assert rows[0].endswith(f"─  25% 2.5{TIMES} · 0:42 left")
    assert rows[1].startswith("▸ trim bbbbbbbb   ━━━━")
    assert rows[1].endswith("─  30% 0:35 left")
    assert rows[2].endswith("╸  99%")
    assert rows[3].endswith("─  50% 1:01 left")
    assert lines == []


def test_what_a_job_logs_is_a_line_each_and_what_could_not_be_told_is_said() -> None:
    _, lines = shown_by(
        200,
        of_job("a", "log", 0, lines=[{"text": "page 1"}, {"text": "two\nlines"}], left_out=3),
        of_job("a", "log", 1, lines=["of somebody else"]),
        of_job("a", "partial", 2, result={"pages": 1}),
        of_job("a", "completed", 3, result=None, result_omitted="it is no JSON"),
    )
    assert [line.partition(" ")[2] for line in lines] == [
        "· encode a 3 lines left out",
        "· encode a page 1",
        "· encode a two lines",
        '· log lines=["of somebody else"]',
        '· partial result={"pages":1}',
        "✓ encode a completed, its result is left out: it is no JSON",
    ]


def test_states_are_words_as_well_as_marks() -> None:
    rows, lines = shown_by(
        100,
        of_job("a", "status", 0, status="queued"),
        of_job("b", "status", 1, status="retrying", attempt=2, message="connection reset"),
        of_job("c", "status", 2, status="stalled"),
        of_job("d", "status", 3, status="started"),
    )
    assert [row.split()[0] for row in rows] == ["·", "↻", "!", "▸"]
    assert "queued" in rows[0]
    assert "retrying (attempt 2) connection reset" in rows[1]
    assert "stalled" in rows[2]
    assert [line.partition(" ")[2] for line in lines] == [
        "↻ encode b retrying, attempt 2: connection reset",
        "! encode c stalled",
    ]


def test_what_is_over_is_a_line_that_says_how_it_ended() -> None:
    rows, lines = shown_by(
        100,
        *(of_job(job, "status", 0, status="started") for job in "abcd"),
        of_job("a", "completed", 65, result={"url": "/x"}),
        of_job("b", "error", 66, error="no space"),
        of_job("c", "status", 67, status="cancelled", message="by ada"),
    )
    assert [row.split()[:3] for row in rows] == [["▸", "encode", "d"]]
    assert [line.partition(" ")[2] for line in lines] == [
        '✓ encode a completed in 1:05 · {"url":"/x"}',
        "✗ encode b failed: no space",
        "⊘ encode c cancelled: by ada",
    ]


def test_a_job_that_begins_again_begins_at_nothing() -> None:
    rows, _ = shown_by(
        100,
        of_job("a", "progress", 0, progress=0.5),
        of_job("a", "progress", 10, progress=0.75),
        of_job("a", "status", 11, status="started", attempt=2),
    )
    assert rows[0].endswith("─   0%")


def test_any_other_event_is_a_line_of_its_fields() -> None:
    rows, lines = shown_by(
        100,
        received("connected", topic="projects/p", snapshot={}),
        received("said", 10, topic="projects/p", text="hello", seen=[1, 2], none=None),
        of_job("a", "status", 11, status="waiting for a licence", message="three ahead"),
        received("caught_up"),
    )
    assert rows == ["nothing at work: projects/p at http://h"]
    assert [line.partition(" ")[2] for line in lines] == [
        "· said text=hello seen=[1,2]",
        "· encode a status waiting for a licence: three ahead",
    ]


def test_a_gap_is_said_and_what_is_known_is_shown_again() -> None:
    """Who resumes is not shown the snapshot otherwise: what it has is newer."""
    half = {"status": "running", "progress": 0.5, "task_name": "encode"}
    connected = received(
        "connected", topic="projects/p", snapshot={"jobs": {"a": half}}, resumed=True
    )
    assert shown_by(99, connected)[0] == ["nothing at work: projects/p at http://h"]
    gap = received("gap", topic="projects/p", after="1-0", until="9-0", reason="trimmed")
    rows, lines = shown_by(99, connected, gap)
    assert lines == ["… lost: events of projects/p after 1-0 up to 9-0 (trimmed)"]
    assert rows[0].endswith(" 50%")


def test_jobs_of_the_snapshot_have_their_rows() -> None:
    """Those that are not over; and tasks without a job."""
    queued = {"status": "queued", "progress": 0.0, "task_name": "encode", "message": "third"}
    half = {"status": "running", "progress": 0.5, "task_name": "encode"}
    over = {"status": "completed", "progress": 1.0, "task_name": "encode"}
    task = {"type": "progress", "task_name": "upload", "progress": 0.25}
    snapshot = {
        "jobs": {"jjjjjjjj-old": over, "aaaaaaaa-1": half, "bbbbbbbb-2": queued},
        "tasks": {"encode": {**task, "job_id": "aaaaaaaa-1"}, "upload": task},
    }
    rows, _ = shown_by(
        120,
        received("connected", topic="projects/p", snapshot=snapshot, resumed=False),
        of_job("bbbbbbbb-2", "progress", progress=0.06),
        of_job("aaaaaaaa-1", "progress", progress=0.72),
        received("progress", topic="projects/p", task_name="upload", progress=0.5),
    )
    percents = [next(word for word in row.split() if word.endswith("%")) for row in rows]
    assert list(zip((row.split()[1:3] for row in rows), percents, strict=True)) == [
        (["encode", "aaaaaaaa"], "72%"),
        (["encode", "bbbbbbbb"], "6%"),
        (["upload", rows[2].split()[2]], "50%"),
    ]


def test_what_was_over_before_we_came_is_said_once() -> None:
    failed = {"status": "failed", "error": "no space"}
    connected = received("connected", topic="jobs/a", snapshot=failed)
    end = received("end", topic="jobs/a", reason="failed", remaining=0)
    assert shown_by(99, connected, end)[1] == ["✗ jobs/a failed before: no space"]
    error = received("error", 5, topic="jobs/a", job_id="a", error="no space")
    (line,) = shown_by(99, connected, error, end)[1]
    assert line.endswith("✗ a failed: no space")


@pytest.mark.parametrize(("height", "most"), [(40, MAX_BARS), (12, 9), (3, 1)])
def test_there_are_no_more_rows_than_there_is_room_for(height: int, most: int) -> None:
    """Those that wait in a queue are left out first; all are counted."""
    rows, _ = shown_by(
        80,
        *(of_job(f"q{n:06}", "status", status="queued") for n in range(50)),
        *(of_job(f"{n:06}", "progress", progress=n / 200) for n in range(150)),
        height=height,
    )
    assert len(rows) == most
    at_work = 150 - (most - 1)
    assert rows[-1] == f"… and {201 - most} more: {at_work} running, 50 queued"
    assert all(row.startswith("▸ encode 0000") for row in rows[:-1])


@pytest.mark.parametrize("width", [200, 80, 60, 40, 30, 20, 12, 5, 2])
def test_a_narrow_terminal_is_shown_what_matters_most(width: int) -> None:
    """How far, and which: never more columns than there are, or rows would break."""
    long = "a name that is much longer than any terminal"
    rows, _ = shown_by(
        width,
        of_job("aaaaaaaa-1", "progress", 0, progress=0.0, message="m" * 99, task_name=long),
        of_job("aaaaaaaa-1", "progress", 9, progress=0.5, message="m" * 99, task_name=long),
        of_job("bbbbbbbb-2", "progress", 9, progress=0.25, task_name="视频转码任务名称很长"),
        of_job("cccccccc-3", "status", 9, status="retrying", attempt=2),
    )
    assert len(rows) == 3
    if width >= 20:
        assert " 50%" in rows[0]
        assert "aaaa" in rows[0]
        assert " 25%" in rows[1]
    if width >= 40:
        assert "━━" in rows[0]
        assert "0:09" in rows[0]
        assert "retrying" in rows[2]


ANY_JSON: tuple[object, ...] = (
    *(None, True, 0, -1, 1e308, 10**30, "", "0.5", "[/b]", "[bold", "{task.x}", "\x1b[2J\x9b2J"),
    *("a\nb\u2028c\u202e", "x" * 60_000, [], [None], {}, {"progress": {}}, {"tasks": [1]}),
)
SHOWN_FIELDS = (
    *("topic", "timestamp", "task_name", "job_id", "progress", "message", "[/x]", "status"),
    *("metadata", "attempt", "error", "result", "after", "reason", "remaining"),
)


@pytest.mark.parametrize("value", ANY_JSON, ids=[repr(value)[:20] for value in ANY_JSON])
def test_any_json_is_shown_and_nothing_is_obeyed(value: object) -> None:
    """Whatever stands in any field of an event, or of a snapshot of an older server."""
    written = StringIO()
    task = {"type": "progress", "task_name": "t", "progress": 0.5}
    console = Console(file=written, force_terminal=True, width=99, color_system=None)
    types = ("progress", "status", "error", "completed", "note", "gap", "end")
    with Bars("a", console) as bars:
        for field in SHOWN_FIELDS:
            for event_type in types:
                base: dict[str, object] = {"task_name": "t", "status": "retrying", "progress": 0.1}
                bars.event(received(event_type, None, **base | {field: value}))
            bars.event(received("connected", snapshot={"tasks": {"t": {**task, field: value}}}))
            bars.event(received("connected", snapshot={"jobs": {"t": {**task, field: value}}}))
        for field in ("topic", "topics", "snapshot", "snapshots"):
            bars.event(received("connected", None, **{field: value}))
        for snapshot in ({"tasks": value}, {"jobs": value}, {"tasks": {"t": value}}):
            bars.event(received("connected", snapshot=snapshot))
            bars.event(received("connected", snapshots={"a": snapshot, "b": value}))
        bars.event(received("progress", task_name="last", progress=0.75))
        bars._live.refresh()
    shown = written.getvalue()
    assert "last" in shown
    assert " 75%" in shown
    for obeyed in ("\x1b[2J", "\x9b", "\u202e", "\u2028"):
        assert obeyed not in shown


def test_what_knows_only_ascii_is_written_nothing_else() -> None:
    import io

    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii", newline="") as file:
        console = Console(file=file, force_terminal=True, width=80, color_system=None)
        with Bars("a", console) as bars:
            bars.event(of_job("a", "progress", 0, progress=0.5, metadata={"speed": 2}))
            bars.event(of_job("b", "error", 0, error="no"))
            bars._live.refresh()
        file.flush()
        shown = raw.getvalue().decode("ascii")
    assert "x encode b failed: no" in shown
    assert "> encode a =====" in shown
