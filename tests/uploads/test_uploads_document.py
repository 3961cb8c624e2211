"""What docs/UPLOADS.md shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import httpx
import pytest

from support.live import Live
from support.requirements import needs
from support.tus import end_of, events_of, id_of, media, released
from support.waiting import DEADLINE

TEXT: Final = (Path(__file__).parents[2] / "docs" / "UPLOADS.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def for_here(code: str, live: Live, project: str) -> str:
    code = code.replace("http://localhost:8000", live.url)
    return code.replace("printf demo", f"printf {project}").replace("/demo/", f"/{project}/")


@pytest.fixture
def cat(tmp_path: Path, video: bytes) -> Path:
    path = tmp_path / "cat.mp4"
    path.write_bytes(video)
    return path


def said_by(script: str, directory: Path) -> str:
    """What a script of a shell says that was run in a directory."""
    done = subprocess.run(
        [needs("bash"), "-c", script],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_curls_upload_resume_and_trim(live_server: Live, project: str, cat: Path) -> None:
    begin, send, resume, trim = (for_here(each, live_server, project) for each in blocks("sh"))
    # ^C after half a second, in which curl sends two megabytes of twenty.
    cut = send.replace("curl ", "timeout -s INT 0.5 curl --limit-rate 4M ")
    upload, code = said_by(f"{begin}\n{cut}\necho $UPLOAD $?", cat.parent).split()
    assert code == "124", "it was cut off"
    released(upload)
    rest = f"SERVER={live_server.url} VIDEO=cat.mp4 UPLOAD={upload}\nset -e\n{resume}\n{trim}"
    assert '"status":"queued"' in said_by(rest, cat.parent)
    events = events_of(live_server, f"jobs/{id_of(upload)}")
    assert events[-1]["type"] == "completed"
    assert events[-1]["result"]["filename"] == "cat.mp4"
    source = events[-1]["result"]["source"]
    assert (media(live_server) / source).read_bytes() == cat.read_bytes()


def test_its_python_uploads_a_video(
    live_server: Live, project: str, cat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cat.parent)
    (code,) = blocks("python")
    code = code.replace("http://localhost:8000", live_server.url).replace('"demo"', f'"{project}"')
    exec(code, {})
    assert end_of(live_server, f"projects/{project}")["type"] == "completed"


def test_its_table_of_extensions_is_what_is_offered(live_server: Live) -> None:
    offered = httpx.options(f"{live_server.url}/api/v1/uploads").headers["tus-extension"]
    listed = ", ".join(f"`{name}`" for name in offered.split(","))
    assert f"extensions ({listed})" in TEXT
