"""The way from a process that helps with a job to the job's own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from multiprocessing.connection import Client, Connection, Pipe, wait
from typing import Final

import msgspec

from .helpers import MAX_BYTES
from .telling import INTERVAL
from .told import Flush, Hello, Reply, Told, Welcome

#: Seconds in which the job's process must answer.
ANSWER_SECONDS: Final = 1.0

_logger: Final = logging.getLogger(__name__)


class Link:
    """Sends what is told here to the process of the job, from a thread of its own.

    Whoever tells waits for nothing. If that process is gone, that is logged, once.

    Args:
        handover: what `Helpers.environ` gave.
    """

    def __init__(self, handover: str) -> None:
        self.handover: Final = handover
        self._connection: Connection | None = None
        self._is_lost = False
        self._changed: Final = threading.Condition()
        self._wanted = self._asked = self._flushed = 0
        self._wakes, self._wake = Pipe(duplex=False)

    def open(self) -> Welcome | None:
        """Connect; None if there is no such job any more."""
        try:
            name, key, task = self.handover.split(" ")
            self._connection = Client(name.replace("@", "\0", 1), "AF_UNIX")
            self._connection.send_bytes(msgspec.json.encode(Hello(key, int(task))))
            if self._connection.poll(ANSWER_SECONDS):
                return msgspec.json.decode(self._connection.recv_bytes(MAX_BYTES), type=Welcome)
            self._lose("it does not answer")
        except (EOFError, OSError, ValueError) as error:  # msgspec's errors are of the last
            self._lose(str(error) or "it is over")
        return None

    def start(self, send_held: Callable[[], None], cancel: Callable[[], None]) -> None:
        """Begin to send: `send_held` is called for that, and `cancel` if the job is cancelled."""
        threading.Thread(
            target=self._run, args=(send_held, cancel), name="streamer-link", daemon=True
        ).start()

    def send(self, told: Told) -> None:
        """Send it; in the thread of the link."""
        if self._connection is not None and not self._is_lost:
            self._connection.send_bytes(msgspec.json.encode(told))

    def flush(self, seconds: float = ANSWER_SECONDS) -> bool:
        """Wait until all that was told here is taken over; whether it is."""
        with self._changed:
            self._wanted += 1
            wanted = self._wanted
            if not self._is_lost:
                self._wake.send_bytes(b"")
            self._changed.wait_for(lambda: self._is_lost or self._flushed >= wanted, seconds)
            return self._flushed >= wanted

    def _run(self, send_held: Callable[[], None], cancel: Callable[[], None]) -> None:
        connection = self._connection
        if connection is None:
            welcome = self.open()
            connection = self._connection
            if welcome is None or connection is None:
                return
            if welcome.cancelled:
                cancel()
        try:
            while True:
                ready = wait([connection, self._wakes], INTERVAL)
                if self._wakes in ready:
                    self._wakes.recv_bytes()
                wanted = self._wanted
                send_held()
                if wanted > self._asked:
                    self._asked = wanted
                    connection.send_bytes(msgspec.json.encode(Flush(wanted)))
                if connection in ready:
                    reply = msgspec.json.decode(connection.recv_bytes(MAX_BYTES), type=Reply)
                    if reply.cancelled:
                        cancel()
                    with self._changed:
                        self._flushed = max(self._flushed, reply.flushed)
                        self._changed.notify_all()
        except (EOFError, OSError, ValueError):
            # It ended, and with it the job, or this attempt at it.
            self._lose(None)

    def _lose(self, why: str | None) -> None:
        with self._changed:
            self._is_lost = True
            self._changed.notify_all()
        if self._connection is not None:
            self._connection.close()
        if why is not None:
            _logger.warning("the job that this process is a part of cannot be told of: %s", why)
