"""What the hub needs of a transport."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any, Final, Protocol

from ..wire.form import Form

#: The key of an ASGI scope's ``extensions`` under which our own server offers
#: a writer; on any other server the portable path is taken.
EXTENSION: Final = "streamer.writer"


class Taker(Protocol):
    """To whom a writer reports how its transport fares: the reader."""

    def requeued(self) -> None:
        """What `Writer.descriptor` answers has changed."""

    def filled(self) -> None:
        """The transport is over its high-water mark."""

    def drained(self) -> None:
        """The transport is below its low-water mark again."""

    def gone(self) -> None:
        """The connection is lost, or the client ended it."""

    def retired(self, seconds: float) -> None:
        """The server ends, and gives its streams `seconds` to end before it."""


class Writer(Protocol):
    """One connection, as the hub sees it; none of its methods blocks or raises.

    A connection may be lost at any moment, also before it has a reader: whoever
    comes back from an await looks at `lost`. From then on `write` does nothing.

    Attributes:
        form: the wire form its buffers must have.
        full: whether the transport is over its high-water mark.
        lost: whether the connection is over; it never comes back.
        taker: whom to report to; the hub sets it before the first `write`.
    """

    form: Form
    full: bool
    lost: bool
    taker: Taker | None

    def write(self, buffer: bytes) -> None:
        """Hand `buffer` to the transport; it is kept, never copied, until sent."""

    def descriptor(self) -> int | None:
        """The socket to which a live buffer may be written directly, if there is one.

        None while anything is queued that must come before, and for a transport
        that is more than its socket, such as TLS. The answer holds until
        `Taker.requeued` or `Taker.gone` is called; the socket is closed after
        `gone`, never before.
        """

    def pending(self) -> int:
        """Bytes handed over and not yet taken by the network."""

    def close(self, code: int, reason: str) -> None:
        """End the stream properly, after what was written.

        `code` and `reason` go into a WebSocket's close frame.
        """

    def abort(self) -> None:
        """Cut the connection; what was not yet sent is thrown away."""


class Listener(Protocol):
    """Whom a WebSocket's client talks to."""

    async def hear(self, said: str | bytes) -> None:
        """Take one message, a text or bytes.

        The next is handed on once it returns, and nothing is read meanwhile: who says too
        much waits.
        """


class OfferedWriter(Writer, Protocol):
    """A writer that our own server offers for the request at hand."""

    def agree_to_deflate(self) -> bool:
        """Whether its client reads `wire.deflated` frames; it is told that it may have to.

        Called before the socket is accepted (WebSocket only).
        """

    def accept_with(self, fields: Sequence[tuple[bytes, bytes]], subprotocol: str | None) -> None:
        """Accept the socket, with these fields in the answer.

        Instead of the app's message, by one that is asked without a task (WebSocket only).
        """

    def open(self, form: Form, high_water: int) -> object:
        """Become a writer of `form` that is full beyond `high_water` bytes."""

    def frame(self) -> None:
        """Decide how the stream ends, and take its head, which is sent next (HTTP only)."""

    def start(self) -> bool:
        """Write the head, and what was held back until there was one (HTTP only).

        False where the head has not come: something between the app and the server has it,
        and will see every byte of the answer. Then nothing is written, and what the hub
        writes is held until `withdraw`.
        """

    def begin(self, fields: bytes) -> None:
        """Write a head of these fields, whole lines, and what was held back until there was one.

        Instead of `frame` and `start`, by an app that is asked without a task (HTTP/1.1 only).
        """

    def withdraw(self) -> None:
        """Throw away what was held, and be no writer: the answer goes another way (HTTP only)."""

    def listen(self, listener: Listener) -> None:
        """Hand what the client says to `listener`, and live on when the app has returned.

        From then on the app itself neither receives nor sends (WebSocket only).
        """


def offered_writer(scope: MutableMapping[str, Any]) -> OfferedWriter | None:
    """The writer that an ASGI scope offers; None on a server that is not ours."""
    writer: OfferedWriter | None = (scope.get("extensions") or {}).get(EXTENSION)
    return writer
