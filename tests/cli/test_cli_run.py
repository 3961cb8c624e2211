"""``streamer run``: one command starts everything, one signal stops all of it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.live import free_port
from support.processes import Program, command_of, descendants, streamer
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
    assert f"Port {port} is in use. Choose another with --port {port + 1}" in said
    assert program.out == ""


@pytest.mark.faults
def test_a_worker_that_dies_is_started_again(run: Program) -> None:
    worker = child(run, "worker")
    os.kill(worker, signal.SIGKILL)
    run.wait_for(r"The worker ended \(killed by SIGKILL\); starting it again")
    wait_until_blocking(lambda: child(run, "worker") != worker, "no new worker was started")
    assert run.stop() == 0


@pytest.mark.faults
def test_a_server_that_dies_ends_the_run_with_its_reason(run: Program) -> None:
    started = descendants(run.pid)
    os.kill(child(run, "serve"), signal.SIGKILL)
    assert run.wait() == 1
    assert "The server ended by itself (killed by SIGKILL)" in run.err
    assert all_gone(started)


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
    from streamer.settings import Settings

    written = StringIO()
    banner = Banner(Console(file=written, force_terminal=True, width=100, color_system=None))
    settings = Settings(port=8123, data_dir=short_dir)
    banner.log_in(settings.data_dir)
    banner.ready(settings)
    shown = written.getvalue()
    for said in (
        "streamer tail projects/p1 --url http://127.0.0.1:8123",
        f"embedded, kept in {short_dir}/",
        "Ctrl-C",
    ):
        assert said in shown
