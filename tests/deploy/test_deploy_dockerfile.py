"""The Dockerfile keeps to what hadolint knows, and is given no more than it takes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import streamer.hub.io_uring as ring
from support.documents import ROOT

HADOLINT = Path(sys.executable).with_name("hadolint")


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [HADOLINT, ROOT / "deploy" / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("", 0)


def test_what_is_copied_is_not_ignored() -> None:
    """An image that is built with `.dockerignore` has what `COPY` asks for."""
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", dockerfile(), re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert {name for names in copied for name in names.split()} == let_in
    assert all((ROOT / name).exists() for name in let_in)


def test_the_seccomp_profile_allows_the_calls_of_io_uring_that_are_made() -> None:
    profile = json.loads((ROOT / "deploy" / "seccomp.json").read_text())
    ours, *_ = profile["syscalls"]
    made = re.findall(r"^_SYS_(IO_URING_\w+)", Path(ring.__file__).read_text(), re.MULTILINE)
    assert ours["names"] == sorted(name.lower() for name in made)
    assert ours["action"] == "SCMP_ACT_ALLOW"
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"


def dockerfile() -> str:
    return (ROOT / "deploy" / "Dockerfile").read_text()
