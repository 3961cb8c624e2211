"""Streamer itself, over Redis: as `streamer serve` runs it, and on the portable path."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from ..load import Transport, missing_coding
from ..process import python
from .base import Face, Launch, Place
from .tokens import SECRET, Claims, write_tokens

#: Programs of the servers.
PEERS = Path(__file__).parents[2] / "peers"


@dataclass(frozen=True)
class Streamer:
    name: str = "streamer"
    title: str = "Streamer"
    needs_redis: bool = True
    cores: int = 1
    portable: bool = False
    framework: bool = False  #: every request is left to the framework
    commit: str | None = None  #: as it was then, over the packages of now
    io_uring: bool = True
    tokens: Callable[[int], Claims] | None = None
    coding: str | None = None  #: in which readers ask for their streams; see `Face`

    def missing(self) -> str | None:
        if (reason := missing_coding(self.coding)) is not None:
            return reason
        if find_spec("streamer") is None or find_spec("streamer.app") is None:
            return "the package streamer is not installed"
        if self.commit is not None and _git("cat-file", "-e", f"{self.commit}^{{commit}}") is None:
            return f"git does not have {self.commit}"
        return None

    def launch(self, place: Place) -> Launch:
        served = ["-m", "streamer", "serve"]
        if self.portable or self.framework:
            peer = "streamer_portable.py" if self.portable else "streamer_framework.py"
            served = [str(PEERS / peer)]
        older = {}
        if self.commit is not None:
            with tarfile.open(fileobj=BytesIO(_git("archive", self.commit, "src") or b"")) as tar:
                tar.extractall(place.directory / "older", filter="data")
            older = {"PYTHONPATH": str(place.directory / "older" / "src")}
        asked = {} if self.tokens is None else {"STREAMER_AUTH_SECRET": SECRET}
        return Launch(
            command=[python(), *served],
            ready=("GET", "/readyz"),
            tokens=None if self.tokens is None else write_tokens(self.tokens, place.directory),
            environ={
                **asked,
                **older,
                "STREAMER_HOST": "127.0.0.1",
                "STREAMER_PORT": str(place.port),
                "STREAMER_REDIS_URL": f"redis://127.0.0.1:{place.redis_port}/0",
                "STREAMER_DATA_DIR": str(place.directory),
                "STREAMER_WORKERS": str(self.cores),
                "STREAMER_DRAIN_SECONDS": "0",
                "STREAMER_IO_URING": str(self.io_uring),
                "STREAMER_LOG_LEVEL": "warning",
                # All of the load comes from one address.
                "STREAMER_MAX_CONNECTIONS": "0",
                "STREAMER_MAX_CONNECTIONS_PER_CLIENT": "0",
                "STREAMER_MAX_CONNECTIONS_PER_SUBJECT": "0",
                "STREAMER_PUBLISH_RATE": "0",
            },
        )

    def face(self, transport: Transport) -> Face | None:
        del transport  # one URL for both
        return Face(
            read_path="/api/v1/projects/bench{}/stream",
            publish_path="/api/v1/projects/bench0/events",
            greeting='"type":"caught_up"',
            coding=self.coding,
        )


def _git(*arguments: str) -> bytes | None:
    """What git says of our repository; None where it fails, or is not there."""
    try:
        return subprocess.run(
            ["git", *arguments], cwd=PEERS.parents[1], capture_output=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
