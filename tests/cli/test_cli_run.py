"""``streamer run``: one command starts everything, one signal stops all of it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from streamer.cli.announced import announced
from streamer.cli.listen import listen
from support.ports import free_port
from support.processes import Program, command_of, descendants, streamer
from support.requirements import needs
from support.servers import Server
from support.waiting import wait_until_blocking

READY = r"is ready at (http://127\.0\.0\.1:\d+)"


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"STREAMER_DRAIN_SECONDS": "0.2"}


@pytest.fixture
def run(short_dir: Path, environ: dict[str, str]) -> Iterator[Program]:
    """A `streamer run` that is ready, on a free port and a data directory of its own."""
    with streamer("run", "--port", "0", "--data-dir", short_dir, environ=environ) as program:
        program.wait_for(READY)
        yield program


def url_of(run: Program) -> str:
    return run.wait_for(READY)[1]


def child(run: Program, command: str) -> int:
    """The process id of a child of ours, by its command."""

    def found() -> int | None:
        wanted = f"-m streamer {command} "
        return next((pid for pid in descendants(run.pid) if wanted in command_of(pid)), None)

    pid = wait_until_blocking(found, f"there is no streamer {command}")
    assert pid is not None
    return pid


def all_gone(pids: list[int]) -> bool:
    return not any(command_of(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_everything_in_order(run: Program, number: int) -> None:
    """A job, the page and the log are there; then nothing is left, and the code is 0."""
    url = url_of(run)
    assert httpx.get(f"{url}/readyz").status_code == 200
    assert "<html" in httpx.get(url).text
    child(run, "worker")
    started = descendants(run.pid)
    assert len(started) >= 4  # server, worker, Valkey and what looks after it
    run.signal(number)
    assert run.wait() == 0
    stopping = [line for line in run.err.splitlines() if line.startswith("Stop")]
    assert stopping == [
        "Stopping the server.",
        "Stopping the worker.",
        "Stopping the event log.",
        "Stopped.",
    ]
    assert all_gone(started)


def test_when_it_is_killed_nothing_is_left_behind(run: Program) -> None:
    started = descendants(run.pid)
    run.signal(signal.SIGKILL)
    run.wait()
    wait_until_blocking(lambda: all_gone(started), "a process of a killed run did not end")


def test_what_was_published_is_there_after_a_restart(
    short_dir: Path, environ: dict[str, str]
) -> None:
    arguments = ("run", "--port", "0", "--data-dir", short_dir)
    with streamer(*arguments, environ=environ) as program:
        events = f"{url_of(program)}/api/v1/projects/p1/events"
        published = httpx.post(events, json={"type": "note", "n": 1}).json()["id"]
        assert program.stop() == 0
    with streamer(*arguments, environ=environ) as program:
        events = f"{url_of(program)}/api/v1/projects/p1/events"
        kept = httpx.get(events, params={"after": "0-0"}).json()["events"]
        assert program.stop() == 0
    assert [event["id"] for event in kept] == [published]


def test_a_second_run_on_the_same_data_says_who_holds_it(run: Program, short_dir: Path) -> None:
    with streamer("run", "--port", "0", "--data-dir", short_dir) as second:
        assert second.wait() == 1
    assert f"process {run.pid}" in " ".join(second.err.split())


def test_a_port_that_is_taken_is_told_with_what_to_do(short_dir: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        streamer("run", "--port", str(taken.getsockname()[1]), "--data-dir", short_dir) as program,
    ):
        port = taken.getsockname()[1]
        assert program.wait() == 1
    said = " ".join(program.err.replace("│", " ").split())
    assert re.search(rf"Port {port} is in use\. Choose another with --port \d+, or", said), said
    assert program.out == ""


@pytest.mark.faults
def test_a_worker_that_dies_is_started_again(run: Program) -> None:
    worker = child(run, "worker")
    os.kill(worker, signal.SIGKILL)
    run.wait_for(r"The worker ended \(killed by SIGKILL\); starting it again")
    wait_until_blocking(lambda: child(run, "worker") != worker, "no new worker was started")
    assert run.stop() == 0


@pytest.mark.faults
def test_a_server_that_dies_is_started_again_on_its_port(run: Program) -> None:
    """As a worker is: who connects meanwhile waits, and is answered by the next one."""
    server, url = child(run, "serve"), url_of(run)
    os.kill(server, signal.SIGKILL)
    assert httpx.get(f"{url}/healthz").is_success
    run.wait_for(r"The server ended \(killed by SIGKILL\); starting it again")
    assert child(run, "serve") != server
    assert run.stop() == 0


@pytest.mark.faults
def test_an_embedded_log_that_dies_is_started_again(run: Program, short_dir: Path) -> None:
    events = f"{url_of(run)}/api/v1/projects/p1/events"
    published = httpx.post(events, json={"type": "note"}).json()["id"]
    (valkey,) = (pid for pid in descendants(run.pid) if "valkey" in command_of(pid).split()[0])
    os.kill(valkey, signal.SIGKILL)

    def kept() -> bool:
        answer = httpx.get(events, params={"after": "0-0"})
        return answer.is_success and [e["id"] for e in answer.json()["events"]] == [published]

    wait_until_blocking(kept, "the log did not come back with its events")
    assert run.stop() == 0


@pytest.mark.faults
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_run_that_was_killed_can_be_started_again_at_once(
    short_dir: Path, workers: str, project: str
) -> None:
    """Its server may still tell its readers to come back, and have the port."""
    port = str(free_port())
    environ = {"STREAMER_DRAIN_SECONDS": "60", "STREAMER_WORKERS": workers}
    arguments = ("run", "--port", port, "--data-dir", short_dir)
    with streamer(*arguments, environ=environ) as first:
        url = f"{url_of(first)}/api/v1/projects/{project}"
        published = httpx.post(f"{url}/events", json={"type": "note"}).json()["id"]
        with httpx.stream("GET", f"{url}/stream") as reader:
            lines = reader.iter_lines()
            assert next(lines)
            first.signal(signal.SIGKILL)
            first.wait()
            with streamer(*arguments, environ=environ) as second:
                assert url_of(second) == url.partition("/api")[0]
                kept = httpx.get(f"{url}/events", params={"after": "0-0"}).json()["events"]
                assert [event["id"] for event in kept] == [published]
                second.signal(signal.SIGTERM)
                second.signal(signal.SIGTERM)


def test_a_port_that_the_server_of_a_killed_run_holds_is_waited_for(tmp_path: Path) -> None:
    """However long it takes, within a bound; and it is said."""
    said: list[str] = []
    orphan = subprocess.Popen([sys.executable, "-c", ORPHAN, str(tmp_path)], stdout=subprocess.PIPE)
    with orphan:
        assert orphan.stdout is not None
        port = int(orphan.stdout.readline())
        server = announced(tmp_path)
        assert server is not None
        assert server.orphaned

        def say(text: str) -> None:
            said.append(text)
            orphan.kill()

        with listen("127.0.0.1", port, tmp_path, say) as bound:
            assert bound.getsockname()[1] == port
    assert said == [f"Port {port} is still held by the server of a run that was killed; waiting."]
    assert announced(tmp_path) is None


#: Has a port and the announcement of a parent that is gone, as a draining server has.
ORPHAN = """
import os, signal, socket, subprocess, sys
from pathlib import Path
from streamer.cli import announced
gone = subprocess.Popen(["true"])
gone.wait()
os.getpid = lambda: gone.pid
bound = socket.create_server(("127.0.0.1", 0))
port = bound.getsockname()[1]
with announced.announcing(Path(sys.argv[1]), f"http://127.0.0.1:{port}") as held:
    print(port, flush=True)
    sys.stdin.read()
    signal.pause()
"""


@pytest.mark.parametrize("command", ["run", "serve", "worker"])
def test_with_redis_away_it_says_so_once_and_again_when_it_is_back(
    command: str, short_dir: Path
) -> None:
    """It does not claim to be ready, it keeps trying, and nothing is logged every few seconds."""
    server = Server(needs("redis-server"), short_dir)
    arguments = {"run": ("--port", "0"), "serve": ("--port", "0"), "worker": ()}[command]
    environ = {"STREAMER_REDIS_URL": server.url, "STREAMER_DRAIN_SECONDS": "0"}
    away, back = {
        "run": (r"Not ready yet \(event log: Redis cannot be reached", READY),
        "serve": ("the event log went silent", "the event log is heard again"),
        "worker": ("jobs wait: their Redis cannot be used", "the Redis of the jobs is back"),
    }[command]
    with streamer(command, *arguments, "--data-dir", short_dir, environ=environ) as program:
        program.wait_for(away)
        if command == "run":
            program.wait_for("jobs wait: their Redis cannot be used")
        assert "is ready" not in program.err
        server.start()
        program.wait_for(back)
        assert program.stop() == 0
        server.stop()
    assert len(re.findall(away, program.err)) == 1, program.err
    assert "CRITICAL" not in program.err
    assert "Traceback" not in program.err


@pytest.mark.parametrize("command", ["run", "worker"])
def test_a_stop_with_a_job_running_shows_no_traceback(
    command: str, short_dir: Path, redis_server: Server, prefix: str
) -> None:
    needs("ffmpeg")
    environ = {
        "STREAMER_REDIS_URL": redis_server.url,
        "STREAMER_PREFIX": prefix,
        "STREAMER_DATA_DIR": str(short_dir),
        "STREAMER_DRAIN_SECONDS": "0",
    }
    with streamer("run", "--port", "0", environ=environ) as first:
        url = f"{url_of(first)}/api/v1/projects/p1"
        with contextlib.ExitStack() as stack:
            program = first
            if command == "worker":
                os.kill(child(first, "worker"), signal.SIGSTOP)
                program = stack.enter_context(streamer("worker", environ=environ))
            body = {"kind": "transcode", "source": "sample", "height": 2160}
            job = httpx.post(f"{url}/jobs", json=body).raise_for_status().json()["task_id"]
            events = url.replace("projects/p1", f"jobs/{job}") + "/events"

            def started() -> bool:
                kept = httpx.get(events, params={"after": "0-0"}).json()["events"]
                return any(event["type"] == "progress" for event in kept)

            wait_until_blocking(started, "the job did not start")
            program.signal(signal.SIGINT)
            assert program.wait() == 0
            if command == "worker":
                os.kill(child(first, "worker"), signal.SIGCONT)
        first.stop()
    assert "Traceback" not in program.err
    assert "is interrupted and handed back" in program.err
    assert "ERROR" not in program.err


def test_what_it_advertises_is_there(run: Program, short_dir: Path) -> None:
    assert (short_dir / "media").is_dir()
    assert (short_dir / "output").is_dir()


def test_a_server_alone_says_that_jobs_need_a_worker(short_dir: Path, redis_server: Server) -> None:
    arguments = ("serve", "--port", "0", "--data-dir", short_dir, "--redis-url", redis_server.url)
    with streamer(*arguments) as program:
        program.wait_for("wait for a streamer worker on the same Redis")


def test_serve_in_several_processes_replaces_one_that_dies(
    short_dir: Path, redis_server: object, environ: dict[str, str]
) -> None:
    url = redis_server.url  # type: ignore[attr-defined]
    port = free_port()
    arguments = ("serve", "--workers", "2", "--port", str(port), "--redis-url", url)
    with streamer(*arguments, environ=environ, cwd=short_dir) as program:
        wait_until_blocking(lambda: len(descendants(program.pid)) == 2, "two servers did not start")

        def answers() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
            except httpx.TransportError:
                return False

        wait_until_blocking(answers, "no server became ready")
        first, second = descendants(program.pid)
        os.kill(first, signal.SIGKILL)
        program.wait_for(r"The server \d ended \(killed by SIGKILL\); starting it again")
        wait_until_blocking(
            lambda: len({first, *descendants(program.pid)}) == 3, "it was not replaced"
        )
        assert command_of(second)
        started = descendants(program.pid)
        assert program.stop() == 0
        assert all_gone(started)


def test_on_a_terminal_it_says_where_everything_is(short_dir: Path) -> None:
    shutil.rmtree(short_dir)
    from io import StringIO

    from rich.console import Console

    from streamer.cli.banner import Banner
    from streamer.config.settings import Settings

    written = StringIO()
    banner = Banner(Console(file=written, force_terminal=True, width=100, color_system=None))
    settings = Settings(port=8123, data_dir=short_dir)
    banner.log_in(settings.data_dir)
    banner.ready(settings)
    shown = written.getvalue()
    for said in (
        "streamer tail projects/demo --url http://127.0.0.1:8123",
        f"embedded, kept in {short_dir}/",
        "Ctrl-C",
    ):
        assert said in shown
