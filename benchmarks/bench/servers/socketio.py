"""Socket.IO with its Redis streams adapter, when there is node."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..load import Transport
from .base import Face, Launch, Place

_SOURCE = Path(__file__).parents[2] / "peers" / "socketio"
#: Seconds for npm to fetch the packages, once.
_INSTALL_TIMEOUT = 180


@dataclass(frozen=True)
class SocketIO:
    name: str = "socketio"
    title: str = "Socket.IO, Redis streams adapter"
    needs_redis: bool = True
    cores: int = 1

    def missing(self) -> str | None:
        if shutil.which("node") is None or shutil.which("npm") is None:
            return "node and npm are not installed"
        try:
            _installed()
        except (OSError, subprocess.SubprocessError) as error:
            return f"npm could not install its packages: {error}"
        return None

    def launch(self, place: Place) -> Launch:
        server = _installed() / "server.js"
        return Launch(
            command=[
                shutil.which("node") or "node",
                str(server),
                str(place.port),
                str(place.redis_port),
            ]
        )

    def face(self, transport: Transport) -> Face | None:
        if transport != "websocket":
            return None
        return Face(
            read_path="/socket.io/?EIO=4&transport=websocket",
            publish_path="/publish",
            greeting="40{",  # Engine.IO message, Socket.IO connect
            hello="40",
        )


def _installed() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "streamer-bench"
    directory = cache / "socketio"
    directory.mkdir(parents=True, exist_ok=True)
    wanted = (_SOURCE / "package.json").read_text()
    package = directory / "package.json"
    if not (directory / "node_modules").exists() or package.read_text() != wanted:
        package.write_text(wanted)
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=directory,
            check=True,
            capture_output=True,
            timeout=_INSTALL_TIMEOUT,
        )
    shutil.copy(_SOURCE / "server.js", directory)
    return directory
