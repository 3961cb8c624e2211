"""``streamer tail`` and ``streamer publish``, as a person in a shell uses them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from support.live import Live, StartLive
from support.processes import Program, streamer
from support.waiting import DEADLINE


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
        assert program.wait() == 130
    assert len(program.out.splitlines()) == 2
    assert program.err == ""


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
        program.wait_for(r"Trying again in \d")
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
        code = process.wait(DEADLINE)
        assert (code, process.stderr.read()) == (0, b"")


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
