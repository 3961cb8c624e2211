"""``streamer tail`` and ``streamer publish``, as a person in a shell uses them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from streamer.cli.bars import MAX_BARS, Bars
from streamer.client import Received
from support.live import Live, StartLive
from support.processes import Program, streamer


def publish(live: Live, topic: str, event_type: str, *fields: str) -> str:
    """Publish with the command; return the id it prints."""
    with streamer(
        "publish", topic, event_type, *fields, environ={"STREAMER_URL": live.url}
    ) as done:
        assert done.wait() == 0, done
    return done.out.strip()


def tail(live: Live, *arguments: str) -> Program:
    return streamer("tail", *arguments, environ={"STREAMER_URL": live.url})


def post(live: Live, topic: str, event_type: str, **fields: object) -> str:
    answer = httpx.post(
        f"{live.url}/api/v1/events", json={"topic": topic, "type": event_type, **fields}
    )
    event_id: str = answer.raise_for_status().json()["id"]
    return event_id


def test_in_a_pipe_each_event_is_its_body_on_a_line(live_server: Live, project: str) -> None:
    topic = f"projects/{project}"
    ids = [
        publish(live_server, topic, "progress", '{"task_name":"encode","progress":0.5}'),
        publish(live_server, topic, "note", '{"text":"hé\\u2028llo"}'),
        publish(live_server, topic, "completed", '{"task_name":"encode"}'),
    ]
    with tail(live_server, topic, "--from", "earliest", "--until", "end") as program:
        assert program.wait() == 0
    lines = program.out.split("\n")[:-1]
    assert [json.loads(line)["id"] for line in lines] == ids
    polled = httpx.get(
        f"{live_server.url}/api/v1/projects/{project}/events", params={"after": "0-0"}
    )
    for line in lines:
        assert line in polled.text
    assert program.err == ""


def test_events_are_printed_as_they_come(live_server: Live, project: str) -> None:
    topic = f"projects/{project}"
    first = post(live_server, topic, "note", n=1)
    with tail(live_server, topic, "--from", "earliest") as program:
        program.wait_for(first)
        program.wait_for(post(live_server, topic, "note", n=2))
        program.signal(signal.SIGINT)
        assert program.wait() == 0
    assert len(program.out.splitlines()) == 2


@pytest.mark.parametrize(
    ("event_type", "fields"),
    [("error", {"error": "no disk"}), ("status", {"status": "cancelled"})],
)
def test_a_job_that_failed_is_exit_code_1(
    live_server: Live, project: str, event_type: str, fields: dict[str, str]
) -> None:
    topic = f"projects/{project}"
    post(live_server, topic, event_type, task_name="encode", **fields)
    with tail(live_server, topic, "--from", "earliest", "--until", "end") as program:
        assert program.wait() == 1
    assert json.loads(program.out)["type"] == event_type


def test_a_job_that_failed_fails_though_another_completed(live_server: Live, project: str) -> None:
    """Until it is completed itself; one that was over before, too."""
    one, other = f"jobs/{project}-a", f"jobs/{project}-b"
    post(live_server, one, "error", task_name="encode", error="no disk")
    post(live_server, other, "completed", task_name="encode")
    with tail(live_server, one, other, "--from", "earliest") as program:
        assert program.wait() == 1
    with tail(live_server, one) as program:
        assert program.wait() == 1
    with tail(live_server, other) as program:
        assert program.wait() == 0


def test_it_begins_after_an_id(live_server: Live, project: str) -> None:
    topic = f"projects/{project}"
    first = post(live_server, topic, "note", n=1)
    second = post(live_server, topic, "completed", task_name="encode")
    with tail(live_server, topic, "--from", first, "--until", "end") as program:
        assert program.wait() == 0
    assert [json.loads(line)["id"] for line in program.out.splitlines()] == [second]


@pytest.mark.faults
def test_it_resumes_by_itself_when_the_server_was_gone(start_live: StartLive, project: str) -> None:
    live = start_live(STREAMER_RETRY_MS="50")
    topic = f"projects/{project}"
    ids = [post(live, topic, "note", n=1)]
    with tail(live, topic, "--from", "earliest", "--until", "end") as program:
        program.wait_for(ids[0])
        live.kill()
        program.wait_for(r"back in \d")
        live.start()
        ids += [post(live, topic, "note", n=n) for n in (2, 3)]
        ids.append(post(live, topic, "completed", task_name="encode"))
        assert program.wait() == 0
    assert [json.loads(line)["id"] for line in program.out.splitlines()] == ids


def test_it_ends_when_nobody_reads_its_output_any_more(live_server: Live, project: str) -> None:
    """As in `streamer tail ... | head -1`, and no event has to come for it."""
    topic = f"projects/{project}"
    post(live_server, topic, "note", n=1)
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "streamer",
            "tail",
            topic,
            "--from",
            "earliest",
            "--url",
            live_server.url,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 0
        assert process.stderr.read() == b""


def test_a_server_that_refuses_is_told_with_its_reason(live_server: Live) -> None:
    with tail(live_server, "projects/p1", "--from", "yesterday") as program:
        assert program.wait() == 1
    assert "yesterday" in program.err


def test_a_repeated_key_publishes_once(live_server: Live, project: str) -> None:
    topic = f"projects/{project}"
    first = publish(live_server, topic, "note", '{"n":1}', "--key", "k1")
    assert publish(live_server, topic, "note", '{"n":1}', "--key", "k1") == first


def test_fields_come_from_the_standard_input(live_server: Live, project: str) -> None:
    topic = f"projects/{project}"
    environ = {"STREAMER_URL": live_server.url}
    with streamer("publish", topic, "note", "-", environ=environ) as program:
        program.write('{"n":')
        program.write("7}")
        program.close_input()
        assert program.wait() == 0
    kept = httpx.get(
        f"{live_server.url}/api/v1/projects/{project}/events", params={"after": "0-0"}
    ).json()["events"]
    assert [event["n"] for event in kept] == [7]


def test_it_publishes_straight_into_the_log(live_server: Live, project: str) -> None:
    environ = {
        name: live_server.environ[name] for name in ("STREAMER_REDIS_URL", "STREAMER_PREFIX")
    }
    with streamer("publish", f"projects/{project}", "note", environ=environ) as program:
        assert program.wait() == 0
    kept = httpx.get(
        f"{live_server.url}/api/v1/projects/{project}/events", params={"after": "0-0"}
    ).json()["events"]
    assert [event["id"] for event in kept] == [program.out.strip()]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a//b", "note"), "is not a topic"),
        (("a/b", "Note"), "is not an event type"),
        (("a/b", "connected"), "is the server's own"),
        (("a/b", "progress", '{"progress":2}'), "progress"),
    ],
)
@pytest.mark.parametrize("way", ["http", "log"])
def test_a_bad_event_is_refused_with_what_is_allowed(
    live_server: Live, arguments: tuple[str, ...], said: str, way: str
) -> None:
    """It is the same refusal over either way in."""
    environ = (
        {"STREAMER_URL": live_server.url}
        if way == "http"
        else {"STREAMER_REDIS_URL": live_server.environ["STREAMER_REDIS_URL"]}
    )
    with streamer("publish", *arguments, environ=environ) as program:
        assert program.wait() == 1
    assert said in " ".join(program.err.replace("│", " ").split())


def test_without_a_server_publishing_says_so(tmp_path: Path) -> None:
    arguments = ("publish", "a/b", "note", "--url", "http://127.0.0.1:9")
    with streamer(*arguments, cwd=tmp_path) as program:
        assert program.wait() == 1
    assert "no server answers at http://127.0.0.1:9" in program.err


def received(event_type: str, **fields: object) -> Received:
    return Received(event_type, json.dumps({"type": event_type, **fields}).encode())


def test_on_a_terminal_tasks_are_bars_and_the_rest_are_lines() -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=True, width=120, color_system=None)
    with Bars(console) as bars:
        task = {"type": "progress", "task_name": "upload", "progress": 0.25}
        bars.event(received("connected", topic="projects/p1", snapshot={"tasks": {"upload": task}}))
        bars.event(received("progress", topic="projects/p1", task_name="encode", progress=0.5))
        bars.event(received("note", timestamp="2025-02-02T08:00:10.123Z", text="hello"))
        bars.reconnecting("the server closed the stream", 1.5)
        bars.event(received("completed", topic="projects/p1", task_name="encode", result=None))
    shown = written.getvalue()
    assert "upload" in shown
    assert " 25%" in shown
    assert " 50%" in shown
    assert "100%" in shown
    assert "08:00:10 · note text=hello" in shown
    assert "the server closed the stream; back in 1.5 s" in shown
    assert "✓ completed encode" in shown


def shown_by(width: int, *events: Received) -> tuple[list[str], str]:
    """The bars that are left, top down, and all that was written."""
    written = StringIO()
    console = Console(file=written, force_terminal=True, width=width, color_system=None)
    with Bars(console) as bars:
        for event in events:
            bars.event(event)
        rows = Console(file=StringIO(), width=width)
        with rows.capture() as capture:
            rows.print(bars._progress.get_renderable())
    return [line.strip() for line in capture.get().splitlines()], written.getvalue()


def of_job(job_id: str, event_type: str, **fields: object) -> Received:
    named = {"topic": "projects/p", "job_id": job_id, "task_name": "encode"}
    return received(event_type, **{**named, **fields})


def test_on_a_terminal_each_job_has_its_bar() -> None:
    """Jobs of one task too, by their ids; one that is queued, and those that the snapshot has."""
    queued = {"status": "queued", "progress": 0.0, "task_name": "encode", "message": "Queued"}
    half = {"status": "running", "progress": 0.5, "task_name": "encode"}
    over = {"status": "completed", "progress": 1.0, "task_name": "encode"}
    snapshot = {
        "jobs": {"jjjjjjjj-old": over, "aaaaaaaa-1": half, "bbbbbbbb-2": queued},
        "tasks": {"encode": {"type": "progress", "progress": 0.1, "job_id": "aaaaaaaa-1"}},
    }
    bars, _ = shown_by(
        120,
        received("connected", topic="projects/p", snapshot=snapshot, resumed=False),
        of_job("bbbbbbbb-2", "progress", progress=0.06),
        of_job("aaaaaaaa-1", "progress", progress=0.72),
        of_job("cccccccc-3", "status", status="queued", message="Queued"),
        of_job("bbbbbbbb-2", "error", error="boom"),
    )
    percents = [next(word for word in row.split() if word.endswith("%")) for row in bars]
    assert list(zip((row.split()[1] for row in bars), percents, strict=True)) == [
        ("aaaaaaaa", "72%"),
        ("bbbbbbbb", "6%"),
        ("cccccccc", "0%"),
    ]
    assert bars[1].endswith("failed")
    assert bars[2].endswith("Queued")


def test_on_a_terminal_there_are_no_more_bars_than_it_has_room_for() -> None:
    """Those that are full go first, then those heard of least lately."""
    jobs = [f"{n:08}" for n in range(MAX_BARS)]
    bars, _ = shown_by(
        120,
        *(of_job(job, "progress", progress=0.5) for job in jobs),
        of_job(jobs[3], "completed"),
        of_job(jobs[0], "progress", progress=0.6),
        of_job("99999998", "progress", progress=0.5),
        of_job("99999999", "progress", progress=0.5),
    )
    named = [row.split()[1] for row in bars]
    assert named == [jobs[0], jobs[2], *jobs[4:], "99999998", "99999999"]


def test_who_resumes_is_shown_the_snapshot_only_after_a_gap() -> None:
    """What it has is newer than nothing, and what is replayed older."""
    half = {"status": "running", "progress": 0.5, "task_name": "encode"}
    connected = received(
        "connected", topic="projects/p", snapshot={"jobs": {"a": half}}, resumed=True
    )
    assert shown_by(120, connected)[0] == []
    assert len(shown_by(120, connected, received("gap", topic="projects/p"))[0]) == 1


ANY_JSON: tuple[object, ...] = (
    *(None, True, 0, -1, 1e308, 10**30, "", "0.5", "[/b]", "[bold", "{task.x}", "\x1b[2J\x9b2J"),
    *("a\nb\u2028c", "x" * 60_000, [], [None], {}, {"progress": {}}, {"tasks": [1]}),
)
SHOWN_FIELDS = ("topic", "timestamp", "task_name", "job_id", "progress", "message", "[/x]")


@pytest.mark.parametrize("value", ANY_JSON, ids=[repr(value)[:20] for value in ANY_JSON])
def test_on_a_terminal_any_json_is_shown_and_nothing_is_obeyed(value: object) -> None:
    """Whatever stands in any field of an event, or of a snapshot of an older server."""
    written = StringIO()
    task = {"type": "progress", "task_name": "t", "progress": 0.5}
    with Bars(Console(file=written, force_terminal=True, width=99, color_system=None)) as bars:
        for field in SHOWN_FIELDS:
            for event_type in ("progress", "status", "error", "completed", "note", "gap"):
                bars.event(received(event_type, **{"task_name": "t", field: value}))
            bars.event(received("connected", snapshot={"tasks": {"t": {**task, field: value}}}))
        for field in ("topic", "topics", "snapshot", "snapshots"):
            bars.event(received("connected", **{field: value}))
        for snapshot in ({"tasks": value}, {"jobs": value}, {"tasks": {"t": value}}):
            bars.event(received("connected", snapshot=snapshot))
            bars.event(received("connected", snapshots={"a": snapshot, "b": value}))
        bars.event(received("progress", task_name="last", progress=0.75))
    shown = written.getvalue()
    assert "last" in shown
    assert " 75%" in shown
    assert "\x1b[2J" not in shown
    assert "\x9b" not in shown
