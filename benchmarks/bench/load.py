"""The load generator, written in C: compiled when needed, driven over its standard input."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from .process import Process

Transport = Literal["sse", "websocket"]

_SOURCES = Path(__file__).parents[1] / "load"
_PROGRAMS = {
    "load": ("main.c", "reader.c", "coding.c", "publisher.c", "tokens.c"),
    "bare": ("bare.c",),
}
#: What undoes a content coding, or what a WebSocket's messages are compressed with.
_LIBRARIES = {"gzip": "libz.so.1", "zstd": "libzstd.so.1", "permessage-deflate": "libz.so.1"}


class Tally(msgspec.Struct):
    """What the load generator saw during one command; see `main.c`."""

    seconds: float = 0.0  #: the window
    delivered: int = 0  #: in the window
    published: int = 0  #: and answered in the window
    delivered_total: int = 0  #: with what arrived after the window
    published_total: int = 0  #: since the start
    event_bytes: float = 0.0  #: as they are read
    wire_bytes: float = 0.0  #: of an event, as received: coded, with the chunks of HTTP
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    lost: int = 0
    duplicated: int = 0
    missing: int = 0
    attached: int = 0
    closed: int = 0
    refused: int = 0
    publish_errors: int = 0
    other_events: int = 0
    load_cpu_seconds: float = 0.0  #: of the generator, in the window
    settle_seconds: float = 0.0  #: after the window, until all had arrived
    span_seconds: float = 0.0  #: from the first publish to the last delivery
    error: str = ""

    @property
    def per_second(self) -> float:
        return self.delivered / self.seconds if self.seconds else 0.0

    def faults(self) -> list[str]:
        """Everything that makes the figures worthless, or worth a remark."""
        counted = ("lost", "duplicated", "missing", "closed", "refused", "publish_errors")
        found = [f"{getattr(self, name)} {name}" for name in counted if getattr(self, name)]
        return [*found, self.error] if self.error else found


def missing() -> str | None:
    return None if shutil.which("cc") else "no C compiler (cc): install gcc or clang"


def missing_coding(coding: str | None) -> str | None:
    """Why readers cannot undo `coding` here, or None."""
    if coding is None:
        return None
    library = _LIBRARIES[coding]
    try:
        ctypes.CDLL(library)
    except OSError:
        return f"{library} is not installed, by which the load generator reads {coding}"
    return None


def program(name: str) -> str:
    """The path of a compiled program, by the hash of its sources in the cache directory."""
    reason = missing()
    if reason:
        raise SystemExit(f"the load generator is written in C and there is {reason}")
    sources = [_SOURCES / source for source in _PROGRAMS[name]]
    digest = hashlib.sha256()
    for source in (*sources, _SOURCES / "load.h"):
        digest.update(source.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "streamer-bench"
    binary = cache / f"{name}-{digest.hexdigest()[:16]}"
    if not binary.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as directory:
            built = Path(directory) / name
            subprocess.run(["cc", "-O2", "-o", built, *sources, "-ldl"], check=True)
            built.replace(binary)
    return str(binary)


class LoadGenerator:
    """Readers and publishers against one server; a context manager."""

    def __init__(
        self,
        *,
        port: int,
        transport: Transport,
        read_path: str,
        publish_path: str,
        readers: int,
        cores: frozenset[int],
        directory: Path,
        topics: int = 1,
        stalled: int = 0,
        sample_every: int = 20,
        inflight: int = 200,
        greeting: str | None = None,
        hello: str | None = None,
        first_path: str | None = None,
        publish_topic: str | None = None,
        tokens: Path | None = None,
        coding: str | None = None,
        churn: int = 0,
        progress: bool = False,
        envelope: bool = False,
    ) -> None:
        options = {
            "port": port,
            "transport": transport,
            "read-path": read_path,
            "publish-path": publish_path,
            "readers": readers,
            "topics": topics,
            "stalled": stalled,
            "sample-every": sample_every,
            "inflight": inflight,
            "greeting": greeting,
            "hello": hello,
            "first-path": first_path,
            "publish-topic": publish_topic,
            "tokens": tokens,
            "coding": coding,
            "library": _LIBRARIES[coding] if coding else None,
            "churn": churn,
            "progress": int(progress),
            "envelope": int(envelope),
        }
        arguments = [f"--{name}={value}" for name, value in options.items() if value is not None]
        self._readers = readers
        self._process = Process(
            [program("load"), *arguments], cores=cores, directory=directory, pipes=True
        )

    def attach(self) -> Tally:
        """Connect every reader.

        Raises:
            RuntimeError: some were refused or never told they were attached.
        """
        tally = self.ask("attach")
        if tally.attached != self._readers:
            raise RuntimeError(f"{tally.attached} of {self._readers} attached: {tally.error}")
        return tally

    def open_publishers(self, count: int) -> None:
        self.ask(f"open {count}")

    def publish(
        self,
        *,
        seconds: float,
        publishers: int = 1,
        per_second: float = 0.0,
        pad: int = 0,
        event_type: str = "tick",
    ) -> Tally:
        """Publish, each publisher its next when the last was answered; wait for all to arrive.

        With `per_second`, one publisher keeps that rate instead.
        """
        return self.ask(f"publish {publishers} {seconds} {per_second} {pad} {event_type}")

    def reset(self) -> None:
        """Count from here: somebody else will publish."""
        self.ask("reset")

    def settle(self, total: int) -> Tally:
        """Wait until `total` events were delivered since `reset`."""
        return self.ask(f"settle {total}")

    def check_attached(self) -> None:
        """Look whether every reader is still there.

        Raises:
            RuntimeError: some were closed.
        """
        tally = self.settle(0)
        if tally.attached != self._readers:
            raise RuntimeError(f"{tally.attached} of {self._readers} stayed: {tally.error}")

    def stall(self) -> None:
        self.ask("stall")

    def unstall(self) -> None:
        self.ask("unstall")

    def storm(self, after: int) -> Tally:
        """Close all readers and connect them at once, to resume after event number `after`."""
        return self.ask(f"storm {after}")

    def detach(self) -> None:
        self.ask("detach")

    def ask(self, command: str) -> Tally:
        self.begin(command)
        return self.finish()

    def begin(self, command: str) -> None:
        """Send a command; its answer is fetched by `finish`."""
        pipe: Any = self._process.popen.stdin
        pipe.write(command + "\n")
        pipe.flush()

    def finish(self) -> Tally:
        pipe: Any = self._process.popen.stdout
        line = pipe.readline()
        if not line:
            raise RuntimeError(f"the load generator ended: {self._process.log()}")
        return msgspec.convert(json.loads(line), Tally)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.stop()
