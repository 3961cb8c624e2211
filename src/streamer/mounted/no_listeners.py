"""What the framework emits events within a program by: no app of ours has listeners of them."""

from __future__ import annotations

from litestar.events import BaseEventEmitterBackend
from litestar.exceptions import ImproperlyConfiguredException


class NoListeners(BaseEventEmitterBackend):
    """Waits for nothing.

    The framework's own has a task of anyio for each app, for which anyio imports what it has of
    streams and sockets: a fiftieth of a start.
    """

    def emit(self, event_id: str, *_args: object, **_kwargs: object) -> None:
        """Refuse, as the framework does where nobody listens.

        Raises:
            ImproperlyConfiguredException: always.
        """
        raise ImproperlyConfiguredException(
            f"no event listeners are registered for event ID: {event_id}"
        )

    async def __aexit__(self, *_error: object) -> None:
        """There is nothing to end."""
