"""What the README says is so: its commands work, its code runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx
import pytest

from streamer.cli import main
from streamer.config.settings import Settings
from support.live import Live
from support.requirements import needs
from support.settings_table import DOCUMENT, ENV_EXAMPLE, env_example, with_current_table
from support.waiting import DEADLINE

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
CLI: Final = (ROOT / "docs" / "CLI.md").read_text(encoding="utf-8")
DOCUMENTS: Final = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
#: curl's exit code for an answer that was still coming when its time was up.
TIMED_OUT: Final = 28


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(program: str, text: str = README) -> list[str]:
    lines = [line for block in blocks("sh", text) for line in block.splitlines()]
    return [line for line in lines if line.split()[0] == program]


def test_the_table_of_settings_is_that_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert with_current_table(text) == text, "write it again: make docs"


def test_the_example_of_the_environment_is_that_of_the_code() -> None:
    text = ENV_EXAMPLE.read_text(encoding="utf-8")
    assert env_example() == text, "write it again: make docs"


def test_the_example_of_the_environment_changes_nothing() -> None:
    lines = [line.removeprefix("#").partition("=") for line in env_example().splitlines()]
    values = {name: value for name, _, value in lines if not name.endswith("_FILE")}
    assert Settings.from_env(values) == Settings()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_that_is_named_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    calls = re.findall(r"^make ([a-z ]+)$", text, re.MULTILINE) + re.findall(
        r"`make ([a-z]+)`", text
    )
    named = {target for call in calls for target in call.split()}
    assert named <= targets


def test_every_command_that_is_named_exists() -> None:
    named = set(re.findall(r"^\| `streamer ([a-z]+)[^`]*`", CLI, re.MULTILINE))
    assert named == set(main.commands)
    assert set(re.findall(r"`streamer ([a-z]+)[^`]*`", README)) <= named


def test_every_curl_of_the_readme_works(live_server: Live) -> None:
    """Streams never end, so they are cut off; an error would come at once."""
    curl = needs("curl")
    found = commands("curl")
    assert len(found) >= 4
    for command in found:
        arguments = shlex.split(command.replace("localhost:8000", f"127.0.0.1:{live_server.port}"))
        done = subprocess.run(
            [
                curl,
                "--silent",
                "--show-error",
                "--fail-with-body",
                "--max-time",
                "1",
                *arguments[1:],
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        is_stream = "-N" in arguments
        assert done.returncode == (TIMED_OUT if is_stream else 0), (command, done)
        assert done.stdout.startswith(("retry:", "id:", "event:") if is_stream else "{"), command


def test_every_streamer_of_the_documents_works(live_server: Live) -> None:
    environ = os.environ | {"STREAMER_URL": live_server.url}
    found = commands("streamer", CLI)
    assert len(found) >= 3
    assert set(commands("streamer")) - {"streamer run"} <= set(found)
    for command in found:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)],
            capture_output=True,
            text=True,
            env=environ,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, (command, done)
        assert done.stdout


@pytest.mark.parametrize(
    "source",
    # `job.py` is run by tests/e2e/test_e2e_newcomer.py, as a newcomer does.
    [text for text in blocks("python") if "import dramatiq" not in text],
    ids=lambda text: text.splitlines()[0],
)
def test_the_python_of_the_readme_runs(source: str, live_server: Live) -> None:
    completed = {"type": "completed", "topic": "projects/demo", "task_name": "encode"}
    httpx.post(f"{live_server.url}/api/v1/events", json=completed).raise_for_status()
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            source.replace("http://localhost:8000", live_server.url),
        ],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
