"""What is built from the tree is whole: its files, its name, its version, its command."""

from __future__ import annotations

import subprocess
import sys
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import pytest

from streamer import __version__

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src"
DIST_INFO: Final = f"streamer_sse-{__version__}.dist-info/"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """The wheel of this tree, built with the pinned build requirements."""
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (built,) = directory.iterdir()
    return ZipFile(built)


@pytest.fixture(scope="module")
def metadata(wheel: ZipFile) -> Message:
    return Parser().parsestr(wheel.read(f"{DIST_INFO}METADATA").decode())


def source_files() -> set[str]:
    """Every file of the package: modules, Lua, the page, ``py.typed``; as a wheel names them."""
    files = (path for path in (SOURCE / "streamer").rglob("*") if path.is_file())
    names = {path.relative_to(SOURCE).as_posix() for path in files if path.suffix != ".pyc"}
    assert {".py", ".lua", ".js", ".html", ".css", ".typed"} <= {Path(n).suffix for n in names}
    return names


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: ZipFile) -> None:
    names = set(wheel.namelist())
    assert {name for name in names if not name.startswith(DIST_INFO)} == source_files()


def test_the_files_of_the_wheel_are_those_of_the_tree(wheel: ZipFile) -> None:
    for name in source_files():
        assert wheel.read(name) == (SOURCE / name).read_bytes(), name


def test_the_distribution_is_streamer_sse_of_the_packages_version(metadata: Message) -> None:
    assert metadata["Name"] == "streamer-sse"
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_readme_says_how_the_distribution_is_installed(metadata: Message) -> None:
    assert f"pip install {metadata['Name']}\n" in str(metadata.get_payload())


def test_the_wheel_brings_the_command_and_pytests_fixtures(wheel: ZipFile) -> None:
    entry_points = wheel.read(f"{DIST_INFO}entry_points.txt").decode()
    assert entry_points == (
        "[console_scripts]\nstreamer = streamer.__main__:start\n\n"
        "[pytest11]\nstreamer = streamer.integrations.pytest\n"
    )


def test_each_queue_that_is_not_ours_is_an_extra(metadata: Message) -> None:
    extras = metadata.get_all("Provides-Extra") or []
    assert {"arq", "celery", "rq", "sqlalchemy", "taskiq"} <= set(extras)
