"""The units of systemd are valid, confine what they start, and leave it what it needs."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from support.documents import ROOT
from support.processes import Program
from support.requirements import needs
from support.servers import Server
from support.waiting import wait_until_blocking

UNITS: Final = ROOT / "deploy" / "systemd"
COMMAND: Final = "/opt/streamer/bin/streamer"
INSTANCES: Final = ("streamer@8001.service", "streamer-worker@1.service")
#: PR_SET_MDWE of prctl(2), and what MemoryDenyWriteExecute= asks of it.
_SET, _GET, _REFUSE_EXEC_GAIN = 65, 66, 1


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as on a machine where Streamer is installed, an instance of each."""
    directory = tmp_path_factory.mktemp("units")
    for name in INSTANCES:
        text = (UNITS / re.sub(r"@\d+", "@", name)).read_text()
        assert f"ExecStart={COMMAND} " in text
        installed = text.replace(COMMAND, str(Path(sys.executable).with_name("streamer")))
        (directory / name).write_text(installed)
    return directory


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [needs("systemd-analyze"), *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("unit", INSTANCES)
def test_a_unit_is_valid(units: Path, unit: str) -> None:
    # Its remarks on units of the machine's own are none of ours.
    remarks = [line for line in analyze("verify", units / unit).stderr.splitlines() if unit in line]
    assert remarks == []


def test_a_unit_with_a_mistake_is_not(units: Path) -> None:
    path = units / "streamer@9.service"
    path.write_text((units / INSTANCES[0]).read_text().replace("Restart=always", "Restart=alway"))
    assert "alway" in analyze("verify", path).stderr


@pytest.mark.parametrize(("unit", "exposure"), list(zip(INSTANCES, (1.5, 1.7), strict=True)))
def test_a_unit_gives_little_away(units: Path, unit: str, exposure: float) -> None:
    """In the measure of systemd, where 0 is nothing and 10 is everything."""
    arguments = ["security", "--offline=true", "--no-pager", f"--threshold={exposure * 10:.0f}"]
    rated = analyze(*arguments, units / unit)
    assert rated.returncode == 0, rated.stdout


def test_a_unit_outlives_the_drain_and_reads_its_secrets_from_files() -> None:
    for path in UNITS.iterdir():
        text = path.read_text()
        assert int(re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[0]) >= 20
        loaded = re.findall(r"^LoadCredential=(\w+):/etc/streamer/\1$", text, re.MULTILINE)
        named = re.findall(r"^Environment=STREAMER_(\w+)_FILE=%d/(\w+)$", text, re.MULTILINE)
        assert [(name.upper(), name) for name in loaded] == named


@pytest.fixture
def confined_url(redis_server: Server, short_dir: Path, prefix: str) -> Iterator[str]:
    """A server that can make no memory executable that was written to."""
    if ctypes.CDLL(None).prctl(_GET, 0, 0, 0, 0) < 0:
        pytest.skip("the kernel has no PR_SET_MDWE, which is in Linux 6.3 and newer")
    code = (
        "import ctypes, os, sys; "
        f"assert ctypes.CDLL(None).prctl({_SET}, {_REFUSE_EXEC_GAIN}, 0, 0, 0) == 0; "
        "os.execv(sys.executable, [sys.executable, '-m', 'streamer', 'serve', '--port', '0'])"
    )
    environ = {
        "STREAMER_REDIS_URL": redis_server.url,
        "STREAMER_PREFIX": prefix,
        "STREAMER_DATA_DIR": str(short_dir),
        "STREAMER_DRAIN_SECONDS": "0.1",
    }
    with Program([sys.executable, "-c", code], environ=environ) as program:
        yield program.wait_for(r"Serving at (http://\S+)")[1]


def test_a_server_does_without_memory_that_is_written_and_run(confined_url: str) -> None:
    event = {"type": "progress", "progress": 0.5, "task_name": "encode"}
    with httpx.Client(base_url=confined_url) as ask:
        # It says where it listens before it is loaded; a busy machine takes seconds for that.
        wait_until_blocking(lambda: ask.get("/readyz").is_success, "it did not become ready")
        sent = ask.post("/api/v1/projects/p1/events", json=event)
    assert sent.status_code == httpx.codes.CREATED, sent.text
