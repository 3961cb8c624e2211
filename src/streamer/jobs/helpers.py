"""Other processes that help with a job, as the job's own process hears them."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sys
import threading
from multiprocessing.connection import Connection, Listener
from typing import Final, Protocol

import msgspec

from .task import Task
from .telling import Telling
from .told import Between, Flush, Hello, Reply, Told, Update, Welcome

#: Where a program is told of which job it is a part.
VARIABLE: Final = "STREAMER_JOB"
#: Processes that one process hears at a time; more of them tell nothing.
MAX_HELPERS: Final = 256
#: Bytes of what is told at once: an event, or a checkpoint.
MAX_BYTES: Final = 256 * 1024
#: Seconds in which a process must say what it wants.
_HELLO_SECONDS: Final = 5.0
#: Connections that wait to be accepted.
_BACKLOG: Final = 64

_logger: Final = logging.getLogger(__name__)


class Helped(Protocol):
    """The job that is helped with: a `Progress`."""

    @property
    def job_id(self) -> str | None:
        """Its id; None: it is no job."""

    @property
    def run(self) -> str:
        """Which run of it."""

    @property
    def attempt(self) -> int:
        """Which attempt of the run."""

    @property
    def telling(self) -> Telling:
        """How it tells."""

    @property
    def kept(self) -> msgspec.Raw:
        """Its last checkpoint."""

    def around(self) -> Task:
        """The task that this thread or coroutine is in."""

    def take_over(self, told: Told, part: Task) -> None:
        """Tell what a helper told; how far that is, `part` is."""


class Helpers:
    """The processes that help with one job.

    Attributes:
        handover: of a process that is one itself: how others become one, too.
    """

    def __init__(self, job: Helped) -> None:
        self.handover: str | None = None
        self._job: Final = job
        self._key: str | None = None
        self._tasks: dict[int, Task] = {}
        self._links: dict[Connection, threading.Lock] = {}
        self._lock = threading.Lock()
        self._is_over = False

    def environ(self) -> dict[str, str]:
        """What the environment of a helper must have; nothing where there is no job to help.

        What it says of how far it is, is a part of the task that is current here.
        """
        if self.handover is not None:
            return {VARIABLE: self.handover}
        if self._job.job_id is None or self._is_over:
            return {}
        try:
            server = _opened()
        except OSError as error:
            _logger.warning("no other process can tell of job %s: %s", self._job.job_id, error)
            return {}
        with self._lock:
            if self._key is None:
                self._key = secrets.token_hex(16)
            server.jobs[self._key] = self
            task = self._job.around()
            number = next((n for n, each in self._tasks.items() if each is task), len(self._tasks))
            self._tasks[number] = task
        return {VARIABLE: f"{server.name} {self._key} {number}"}

    def hear(self, link: Connection, number: int) -> None:
        """Tell what comes over `link`, until its end."""
        job, lock = self._job, threading.Lock()
        with self._lock:
            if self._is_over:
                return
            self._links[link] = lock
            parent = self._tasks.get(number)
        welcome = Welcome(
            str(job.job_id),
            job.run,
            job.attempt,
            job.telling.checker.max_bytes,
            job.telling.is_stopping,
            job.kept,
        )
        part = Task(job.telling, None)
        is_part = False
        try:
            with lock:
                link.send_bytes(msgspec.json.encode(welcome))
            while True:
                told = msgspec.json.decode(link.recv_bytes(MAX_BYTES), type=Between)
                if isinstance(told, Flush):
                    with lock:
                        link.send_bytes(msgspec.json.encode(Reply(told.number)))
                    continue
                if isinstance(told, Update) and not is_part and (told.fraction or told.tasks):
                    # One that only logs is no part of how far the job is.
                    part, is_part = Task(job.telling, parent), True
                job.take_over(told, part)
        finally:
            with self._lock:
                self._links.pop(link, None)
            if is_part:
                part.end(is_whole=False)

    def cancel(self) -> None:
        """Have all of them stop where they look."""
        with self._lock:
            links = list(self._links.items())
        for link, lock in links:
            with lock, contextlib.suppress(OSError):
                link.send_bytes(msgspec.json.encode(Reply(cancelled=True)))

    def close(self) -> None:
        """Hear nobody any more: the attempt is over."""
        self._is_over = True
        with self._lock:
            links = list(self._links)
            self._links.clear()
            self._tasks.clear()
            if self._key is not None and _server is not None:
                _server.jobs.pop(self._key, None)
        for link in links:
            _shut(link)

    def begin_anew_after_fork(self) -> None:
        """Know nobody: those who help are the parent's."""
        self._lock = threading.Lock()
        self._links = {}


class _Server:
    """Where the helpers of all jobs of this process are heard."""

    def __init__(self) -> None:
        # By a name that is gone with the process, where there are such names.
        address = f"\0streamer-{secrets.token_hex(16)}" if sys.platform == "linux" else None
        self._listener: Final = Listener(address, "AF_UNIX", _BACKLOG)
        self.name: Final = os.fsdecode(self._listener.address).replace("\0", "@")
        self.jobs: Final[dict[str, Helpers]] = {}
        self._heard = 0
        self._lock: Final = threading.Lock()
        threading.Thread(target=self._accept, name="streamer-helpers", daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                link = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._heard += 1
                is_one_too_many = self._heard > MAX_HELPERS
            if is_one_too_many:
                self._let_go(link)
                continue
            threading.Thread(
                target=self._hear, args=(link,), name="streamer-helper", daemon=True
            ).start()

    def _hear(self, link: Connection) -> None:
        try:
            if not link.poll(_HELLO_SECONDS):
                return
            hello = msgspec.json.decode(link.recv_bytes(MAX_BYTES), type=Hello)
            helpers = self.jobs.get(hello.key)
            if helpers is not None:
                helpers.hear(link, hello.task)
        except (EOFError, OSError, msgspec.MsgspecError):
            pass  # it has gone, or is none of ours
        except Exception:
            _logger.exception("what another process tells is not heard any more")
        finally:
            self._let_go(link)

    def _let_go(self, link: Connection) -> None:
        with self._lock:
            self._heard -= 1
        with contextlib.suppress(OSError):
            link.close()


_server: _Server | None = None
_lock = threading.Lock()


def _opened() -> _Server:
    global _server  # noqa: PLW0603 - a process has one
    with _lock:
        if _server is None:
            _server = _Server()
        return _server


def _shut(link: Connection) -> None:
    """Have the thread that reads from `link` be at its end; it closes it."""
    import socket  # noqa: PLC0415 - only where a job had helpers

    with contextlib.suppress(OSError, ValueError):
        twin = socket.socket(fileno=os.dup(link.fileno()))
        with contextlib.closing(twin):
            twin.shutdown(socket.SHUT_RDWR)


def _begin_anew_after_fork() -> None:
    global _server, _lock
    if _server is not None:
        _server.close()
    _server, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_begin_anew_after_fork)
