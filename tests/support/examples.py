"""The projects of examples/, made ready as their READMEs say."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from .documents import EXAMPLE
from .live import Live

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
#: Where they have a Redis, which is also their queue.
REDIS: Final = "redis://localhost:6379"
#: Of that of the tests: a database in it that no test has jobs in.
QUEUE: Final = 7


def copied(name: str, directory: Path) -> str:
    """Copy an example to `directory`; the text of its README."""
    shutil.copytree(EXAMPLES / name, directory, dirs_exist_ok=True)
    return (directory / "README.md").read_text(encoding="utf-8")


def beside(live: Live, name: str, directory: Path, project: str, queue: str = "") -> str:
    """Copy an example as one beside that server, with that queue; the text of its README.

    It has a project, a user and a conversation of its own: `project`.
    """
    copied(name, directory)
    ours = {
        EXAMPLE: f"localhost:{live.port}",
        REDIS: queue,
        "projects/demo": f"projects/{project}",
        '"demo"': f'"{project}"',
        '"ada"': f'"{project}"',
        "chats/42": f"chats/{project}",
    }
    for file in filter(Path.is_file, directory.rglob("*.*")):
        text = file.read_text(encoding="utf-8")
        for theirs, own in ours.items():
            text = text.replace(theirs, own)
        file.write_text(text, encoding="utf-8")
    return (directory / "README.md").read_text(encoding="utf-8")
