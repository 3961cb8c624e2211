"""Tokens for the readers of a server that asks who they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import jwt

SECRET = "only-for-benchmarks-only-for-benchmarks"

#: What one reader's token says, but for its subject and its times.
Claims = dict[str, Any]

#: So many are made; readers beyond them share.
COUNT = 1000
#: Seconds that they live: longer than any run.
_LIFE = 6 * 3600


def same(_number: int) -> Claims:
    """All may read the same."""
    return {"subscribe": ["projects/*"], "publish": ["projects/bench0"]}


def different(number: int) -> Claims:
    """All may read the one topic of the benchmark, and each another besides."""
    return {"subscribe": ["projects/bench0", f"projects/own{number}/**"], "publish": ["projects/*"]}


def inbox(number: int) -> Claims:
    """All may read their own notifications, and those for all; the first may publish."""
    return {"publish": ["**"]} if number == 0 else {}


def admin(_number: int) -> Claims:
    """All may read everything, and publish to everybody."""
    return {"subscribe": ["**"], "publish": ["**"]}


def write_tokens(
    claims: Callable[[int], Claims], directory: Path, numbers: Iterable[int] = range(COUNT)
) -> Path:
    """A file of tokens in `directory`, one in a line, each of a subject of its own."""
    now = int(time.time())
    with NamedTemporaryFile("w", dir=directory, prefix="tokens.", delete=False) as file:
        for number in numbers:
            said = {"sub": f"u{number}", "iat": now, "exp": now + _LIFE, "streamer": claims(number)}
            file.write(jwt.encode(said, SECRET, "HS256") + "\n")
    return Path(file.name)
