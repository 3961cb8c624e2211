"""``streamer run MODULE --reload``: the worker follows the code, and nothing else moves."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from streamer.cli import main
from streamer.config.settings import Settings
from support.own_project import TASKS, Write
from support.processes import Program, command_of, descendants, streamer
from support.waiting import wait_until_blocking

READY = r"is ready at (http://127\.0\.0\.1:\d+)"
LOADED = "running jobs in"
#: A job that nothing interrupts.
HOLDS = """

@streamer.job_kind
@dramatiq.actor(max_retries=0)
def holds(flag: str):
    pathlib.Path(flag).touch()
    while True:
        try:
            threading.Event().wait(0.05)
        except BaseException:
            pass
"""


@pytest.fixture
def project(own_project: Write) -> Path:
    return own_project(myapp__tasks=TASKS)


@pytest.fixture
def run(project: Path, short_dir: Path) -> Iterator[Program]:
    """A `streamer run` of the project, of which all is loaded."""
    arguments = ("run", "myapp.tasks", "--reload", "--port", "0", "--data-dir", short_dir)
    environ = {"STREAMER_DRAIN_SECONDS": "0.2", "STREAMER_JOB_THREADS": "1"}
    with streamer(*arguments, cwd=project, environ=environ) as program:
        program.wait_for(READY)
        loaded(program, 2)  # the built-in jobs', and the project's
        yield program


def loaded(run: Program, times: int) -> None:
    """Wait until so many workers have been ready since the beginning."""
    wait_until_blocking(
        lambda: run.err.count(LOADED) >= times,
        lambda: f"no {times} workers were ready: {run.err}",
    )


def children(run: Program) -> dict[str, set[int]]:
    """The process ids of each command of ours."""
    found: dict[str, set[int]] = {"serve": set(), "worker": set(), "worker myapp.tasks": set()}
    for pid in descendants(run.pid):
        _, _, command = command_of(pid).partition("-m streamer ")
        for name, pids in found.items():
            if command.startswith(f"{name} --"):
                pids.add(pid)
    return found


def submit(run: Program, **body: object) -> str:
    url = f"{run.wait_for(READY)[1]}/api/v1/projects/p1/jobs"
    answer = httpx.post(url, json=body)
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["task_id"]
    return job_id


def result(run: Program, job_id: str) -> Any:  # noqa: ANN401 - whatever an actor returned
    """What a job came to."""
    url = f"{run.wait_for(READY)[1]}/api/v1/jobs/{job_id}"

    def over() -> dict[str, Any] | None:
        state: dict[str, Any] = httpx.get(url).json()
        return state if state["status"] in ("completed", "failed") else None

    state = wait_until_blocking(over, lambda: f"job {job_id} did not end: {run.err}")
    assert state is not None
    # Texts: what else an assertion shows is shortened.
    assert state["status"] == "completed", f"{state}\n{run.err}"
    return state["result"]


def write(project: Path, text: str) -> None:
    (project / "myapp" / "tasks.py").write_text(text, encoding="utf-8")


def test_a_change_is_loaded_a_mistake_is_shown_and_no_job_is_lost(
    run: Program, project: Path, tmp_path: Path
) -> None:
    """A job that runs meanwhile is run again, by the new code; server and log go on."""
    before = children(run)
    assert [len(pids) for pids in before.values()] == [1, 1, 1]
    assert result(run, submit(run, kind="thumbnail", source="a"))["version"] == 1

    flag = tmp_path / "flag"
    hanging = submit(run, kind="hangs_once", flag=str(flag))
    wait_until_blocking(flag.exists, "the job did not begin")
    write(project, TASKS.replace('"version": 1', '"version": 2').replace('"done"', '"anew"'))
    loaded(run, 3)
    assert "myapp/tasks.py changed; loading the worker of myapp.tasks again." in run.err
    assert result(run, hanging) == "anew"
    assert result(run, submit(run, kind="thumbnail", source="a"))["version"] == 2

    write(project, "def broken(:")
    run.wait_for(
        "The worker of myapp.tasks goes on with what it had, until a file changes",
    )
    assert 'tasks.py", line 1' in run.err
    assert "SyntaxError" in run.err
    assert "Traceback" not in run.err
    assert result(run, submit(run, kind="thumbnail", source="a"))["version"] == 2

    added = "\n\n@streamer.job_kind\n@dramatiq.actor\ndef fresh(a: int):\n    return a + 1\n"
    write(project, TASKS + added)
    loaded(run, 4)
    # Known to a server that was started before it was written.
    assert result(run, submit(run, kind="fresh", a=1)) == 2

    def one_worker() -> bool:
        return len(children(run)["worker myapp.tasks"]) == 1

    wait_until_blocking(one_worker, "a worker that was replaced did not end")
    after = children(run)
    assert after["serve"] == before["serve"]
    assert after["worker"] == before["worker"]
    assert after["worker myapp.tasks"] != before["worker myapp.tasks"]

    (worker,) = after["worker myapp.tasks"]
    os.kill(worker, signal.SIGKILL)
    run.wait_for(r"The worker of myapp.tasks ended \(killed by SIGKILL\); starting it again")
    loaded(run, 5)
    assert result(run, submit(run, kind="fresh", a=2)) == 3
    started = descendants(run.pid)
    assert run.stop() == 0, str(run)
    assert not any(command_of(pid) for pid in started)


def test_a_new_worker_takes_nothing_before_the_other_has_ended(
    run: Program, project: Path, tmp_path: Path
) -> None:
    """Else the old one would take a job of a kind that only the new one knows, and fail it."""
    flag = tmp_path / "flag"
    write(project, TASKS + HOLDS)
    loaded(run, 3)
    submit(run, kind="holds", flag=str(flag))
    wait_until_blocking(flag.exists, "the job did not begin")
    write(project, TASKS)
    loaded(run, 4)
    last_words = "1 jobs did not stop within 5 s"
    assert last_words in run.err[: run.err.rindex(LOADED)], run.err


def test_a_module_that_cannot_be_run_ends_the_run_with_what_is_wrong(
    own_project: Write, short_dir: Path
) -> None:
    project = own_project(myapp__tasks="import nonesuch")
    arguments = ("run", "myapp.tasks", "--port", "0", "--data-dir", short_dir)
    with streamer(*arguments, cwd=project) as program:
        assert program.wait() == 2
    assert "Error: myapp.tasks cannot be imported:" in program.err
    assert "No module named 'nonesuch'" in program.err
    assert "Traceback" not in program.err


def test_a_worker_alone_waits_for_the_mistake_to_be_corrected(
    own_project: Write, job_settings: Settings
) -> None:
    project = own_project(myapp__tasks="import nonesuch")
    environ = job_settings.to_env()
    with streamer("worker", "myapp.tasks", "--reload", cwd=project, environ=environ) as program:
        program.wait_for("The worker of myapp.tasks is not running; it is started once a file")
        write(project, TASKS)
        program.wait_for(LOADED)
        assert program.stop() == 0, str(program)


@pytest.mark.parametrize("command", ["run", "worker"])
def test_reload_says_what_it_needs(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = CliRunner().invoke(main, [command, "--reload"])
    assert (alone.exit_code, "--reload goes with a MODULE" in alone.output) == (2, True)
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    without = CliRunner().invoke(main, [command, "myapp.tasks", "--reload"])
    assert (without.exit_code, "pip install 'streamer-sse[reload]'" in without.output) == (2, True)
