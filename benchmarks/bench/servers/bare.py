"""A loop of `send()` in C: the ceiling."""

from __future__ import annotations

from dataclasses import dataclass

from .. import load
from .base import Face, Launch, Place


@dataclass(frozen=True)
class Bare:
    name: str = "bare"
    title: str = "bare send() loop (C)"
    needs_redis: bool = False
    cores: int = 1

    def missing(self) -> str | None:
        return load.missing()

    def launch(self, place: Place) -> Launch:
        return Launch(command=[load.program("bare"), str(place.port)])

    def face(self, transport: load.Transport) -> Face | None:
        return Face(read_path=f"/{transport}", publish_path="/publish")
