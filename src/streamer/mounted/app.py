"""The application, with what its host uses of it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Final

from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.types import ASGIApp

from ..eventlog.base import EventLog
from ..publishing.publisher import Publisher
from ..publishing.sync_publisher import SyncPublisher
from .beside import Beside

#: Packages whose models the framework has plugins for, if they are installed.
_MODELLERS: Final = frozenset({"attr", "pydantic"})


class StreamerApp(Litestar):
    """An ASGI app that is served by itself, or mounted in another.

    A mounted app is run no lifespan of: it begins with its first request. Run
    `lifespan()` within that of the host, and it begins and ends in order.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        """Have the framework import no pydantic or attrs for us.

        It imports both, if they are installed, up to a quarter of a start. Handlers that
        somebody adds can have models of theirs only if they are imported already.
        """
        if sys.modules.keys() & _MODELLERS:
            return Litestar._get_default_plugins(plugins)  # noqa: SLF001 - its own
        return [*plugins, MsgspecDIPlugin()]

    @staticmethod
    def _patch_opentelemetry_middleware(config: AppConfig) -> AppConfig:
        """Have it import nothing for middleware of OpenTelemetry, which is none of ours.

        Where that is not installed it would try again for each app.
        """
        return config

    @property
    def publisher(self) -> Publisher:
        """Publishes to the app's log, from the event loop on which the app is served."""
        publisher: Publisher = self.state.publisher
        return publisher

    async def get_publisher(self) -> Publisher:
        """Return `publisher`, for frameworks that inject what a coroutine function returns."""
        return self.publisher

    @property
    def sync_publisher(self) -> SyncPublisher:
        """Publishes from any thread, such as that of a blocking handler.

        It has a connection of its own to the Redis that the settings name. It is made when
        it is first used, and what it still holds is sent when the app ends.
        """
        blocking: Blocking = self.state.blocking
        return blocking.publisher()

    def beside(self, host: object, *, at: str) -> ASGIApp:
        """Return an ASGI app that is this one below `at`, and `host` everywhere else.

        It is for hosts that mount nothing, such as Django. `host` has no lifespan in it:
        there is this app's alone.

        Args:
            host: an ASGI app.
            at: the prefix, as in ``"/live"``.

        Raises:
            ValueError: `at` is no prefix.
        """
        return Beside(self, host, at)


class Blocking:
    """The publisher of threads, once somebody asks for it.

    Args:
        open_log: makes its log, in its own thread.
        max_event_bytes: as of `SyncPublisher`.
    """

    def __init__(self, open_log: Callable[[], EventLog], *, max_event_bytes: int) -> None:
        self._open_log: Final = open_log
        self._max_event_bytes: Final = max_event_bytes
        self._lock: Final = threading.Lock()
        self._publisher: SyncPublisher | None = None

    def publisher(self) -> SyncPublisher:
        """Return it; the same one each time."""
        with self._lock:
            if self._publisher is None:
                self._publisher = SyncPublisher(
                    self._open_log, max_event_bytes=self._max_event_bytes
                )
            return self._publisher

    async def close(self) -> None:
        """Send what it holds, for a few seconds at most."""
        if self._publisher is not None:
            await asyncio.to_thread(self._publisher.close)
