"""A connection whose commands are sent at once, and whose replies come in the same order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final

import hiredis
from redis import exceptions

from .connection import Command, Connection, Reply
from .route import Address

#: What refusals mean that decide how a command continues, by their first word.
_REFUSALS: Final[Mapping[str, type[exceptions.ResponseError]]] = {
    "NOSCRIPT": exceptions.NoScriptError,
    "READONLY": exceptions.ReadOnlyError,
    "MOVED": exceptions.MovedError,
    "ASK": exceptions.AskError,
    "TRYAGAIN": exceptions.TryAgainError,
}


class PipelinedConnection(Connection):
    """Answers commands in the order in which they were sent.

    Args:
        address: where it leads, if the log may move away from there.
        timeout: seconds that a command may take; then the connection is given up,
            for nobody can tell later replies from this one.
    """

    def __init__(self, address: Address | None, timeout: float) -> None:
        super().__init__(address)
        self._loop: Final = asyncio.get_running_loop()
        self._timeout: Final = timeout
        self._waiting: Final[deque[tuple[float, asyncio.Future[Reply]]]] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self._retired = False

    def call(self, *command: str | bytes | float) -> asyncio.Future[Reply]:
        """Send a command; the future has its reply, or raises what Redis refused it with.

        Raises (both here and later):
            redis.exceptions.ConnectionError: the connection is lost.
            redis.exceptions.TimeoutError: there was no reply in time.
        """
        future = self._expect()
        self.send(*command)
        return future

    async def call_all(self, *commands: Command) -> list[Reply]:
        """Send `commands` in one write; return their replies, once all have come.

        Raises: the error of the first that has one; see `call`.
        """
        futures = [self._expect() for _ in commands]
        self.send_all(commands)
        # Together: one whose turn came too late would be an error that nobody has seen.
        replies = await asyncio.gather(*futures, return_exceptions=True)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return replies

    @property
    def idle(self) -> bool:
        """Whether all replies have come."""
        return not self._waiting

    def retire(self) -> None:
        """Close the connection as soon as all replies have come."""
        self._retired = True
        if not self._waiting:
            self.abort("no longer needed")

    def replied(self, replies: list[Reply]) -> None:
        """See `Connection`."""
        for reply in replies:
            if not self._waiting:
                self.abort(f"Redis said what nobody had asked for: {reply!r}")
                return
            _, future = self._waiting.popleft()
            if future.done():
                continue  # whoever asked has gone
            if isinstance(reply, hiredis.ReplyError):
                future.set_exception(_refusal(str(reply)))
            else:
                future.set_result(reply)
        if self._retired and not self._waiting:
            self.abort("no longer needed")

    def connection_lost(self, error: Exception | None) -> None:
        """Fail every command that waits."""
        super().connection_lost(error)
        if self._watch is not None:
            self._watch.cancel()
        overdue = self._loop.time() - self._timeout
        while self._waiting:
            sent, future = self._waiting.popleft()
            if future.done():
                continue
            if sent <= overdue:
                future.set_exception(exceptions.TimeoutError("Timeout reading from Redis"))
            else:
                future.set_exception(exceptions.ConnectionError(self.lost.result()))

    def _expect(self) -> asyncio.Future[Reply]:
        if not self.usable:
            raise exceptions.ConnectionError("the connection was lost")
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._waiting.append((self._loop.time(), future))
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout, self._look)
        return future

    def _look(self) -> None:
        """Give up if the oldest command has waited too long."""
        self._watch = None
        if not self._waiting:
            return
        left = self._waiting[0][0] + self._timeout - self._loop.time()
        if left > 0:
            self._watch = self._loop.call_later(left, self._look)
        else:
            self.abort("Redis did not answer in time")


def _refusal(text: str) -> exceptions.ResponseError:
    word, _, rest = text.partition(" ")
    kind = _REFUSALS.get(word)
    if kind is None:
        return exceptions.ResponseError(text)
    # The addresses of the other node are read from the rest.
    return kind(rest if issubclass(kind, exceptions.AskError) else text)
