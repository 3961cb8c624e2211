"""What the benchmark must know of a server to start it, read from it and publish to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..load import Transport


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where and with what a server is started."""

    port: int
    directory: Path
    redis_port: int | None = None


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A command line and what it needs around it."""

    command: Sequence[str]
    environ: dict[str, str] = field(default_factory=dict)
    ready: tuple[str, str] | None = None  #: method and path answered 2xx when it is ready
    tokens: Path | None = None  #: bearer tokens of its readers, one in a line; publishers' first


@dataclass(frozen=True, kw_only=True)
class Face:
    """How readers and publishers talk to a server; ``{}`` is a topic's number."""

    read_path: str
    publish_path: str
    publish_topic: str | None = None  #: which the body names, where the path does not
    greeting: str | None = None  #: a reader is attached when it was sent this
    hello: str | None = None  #: a reader must send this after the handshake
    first_path: str | None = None  #: asked for on a reader's connection before its stream
    #: A content coding or permessage-deflate, that readers ask for and must be answered in.
    coding: str | None = None
    as_published: bool = False  #: an event is delivered with nothing added to it


class Server(Protocol):
    """One contender."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def needs_redis(self) -> bool: ...
    @property
    def cores(self) -> int: ...

    def missing(self) -> str | None:
        """Why it cannot be measured here, or None."""

    def launch(self, place: Place) -> Launch:
        """Write what it needs into the place; say how it is started."""

    def face(self, transport: Transport) -> Face | None:
        """How to talk to it; None if it does not speak `transport`."""
