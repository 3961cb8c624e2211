"""The usual Python way: `EventSourceResponse` fed by an asyncio queue for each reader."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..load import Transport, missing_coding
from ..process import python
from .base import Face, Launch, Place

_PEERS = Path(__file__).parents[2] / "peers"


@dataclass(frozen=True)
class QueuePerReader:
    name: str = "queue-per-reader"
    title: str = "sse-starlette, a queue per reader"
    needs_redis: bool = False
    cores: int = 1
    #: By a compressor for each reader: gzip by our middleware, permessage-deflate by uvicorn.
    coding: str | None = None

    def missing(self) -> str | None:
        if (reason := missing_coding(self.coding)) is not None:
            return reason
        for module in ("sse_starlette", "uvicorn", "uvloop", "httptools"):
            if find_spec(module) is None:
                return f"the Python package {module} is not installed"
        return None

    def launch(self, place: Place) -> Launch:
        app = "queue_per_reader_gzip:app" if self.coding == "gzip" else "queue_per_reader:app"
        deflates = self.coding == "permessage-deflate"
        return Launch(
            command=[
                *(python(), "-m", "uvicorn", app),
                *("--app-dir", str(_PEERS), "--port", str(place.port)),
                *("--loop", "uvloop", "--http", "httptools", "--ws", "websockets-sansio"),
                *("--backlog", "4096", "--no-access-log", "--log-level", "warning"),
                *("--ws-per-message-deflate", str(deflates).lower()),
            ]
        )

    def face(self, transport: Transport) -> Face | None:
        return Face(
            read_path=f"/{transport}/{{}}",
            publish_path="/publish/0",
            greeting="connected",
            coding=self.coding,
            as_published=True,
        )
