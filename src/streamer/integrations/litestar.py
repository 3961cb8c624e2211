"""Litestar: a plugin that mounts Streamer in an app, with all that the app's handlers use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from litestar import Litestar, asgi
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.plugins import InitPlugin
from litestar.types import Guard

from ..access.authorize import Authorize
from ..api.schema_documents import with_bodies
from ..app import create_app
from ..config.settings import Settings
from ..eventlog.base import EventLog
from ..mounted.app import StreamerApp

#: What the names of ours begin with in the document of a host: it has names of its own.
_OURS: Final = "Streamer"
_SCHEMAS: Final = "#/components/schemas/"


class StreamerPlugin(InitPlugin):
    """Streamer within a Litestar app: its addresses, its lifespan, its publisher.

    It begins before the app's own lifespan, and ends after it. Middleware of the app has
    seen each connection before it comes here; its guards are asked, too.

    Args:
        at: the prefix of its addresses.
        settings: as of `create_app`.
        log: as of `create_app`.
        authorize: as of `create_app`.
        guards: those of its addresses alone.
        dependency: the name under which handlers are given the publisher.

    Attributes:
        app: what is mounted.
    """

    def __init__(
        self,
        at: str = "/live",
        *,
        settings: Settings | None = None,
        log: EventLog | None = None,
        authorize: Authorize | None = None,
        guards: Sequence[Guard] = (),
        dependency: str = "publisher",
    ) -> None:
        self.app: Final[StreamerApp] = create_app(settings, log, authorize=authorize)
        self._at: Final = at
        self._guards: Final = guards
        self._dependency: Final = dependency
        self._has_own_users: Final = authorize is not None

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add what it has to the app's configuration.

        Raises:
            ValueError: the app has a dependency of that name already.
        """
        if self._dependency in app_config.dependencies:
            raise ValueError(
                f"this app has a dependency {self._dependency!r} of its own; "
                'name ours: StreamerPlugin(dependency="…")'
            )
        mount = asgi(self._at, is_mount=True, copy_scope=True, guards=[*self._guards])
        app_config.route_handlers.append(mount(self.app))
        app_config.dependencies[self._dependency] = Provide(self.app.get_publisher)
        app_config.lifespan.insert(0, lambda _: self.app.lifespan())
        if app_config.openapi_config is not None:
            app_config.on_startup.append(self._document)
        return app_config

    def _document(self, host: Litestar) -> None:
        """Add our addresses to the host's OpenAPI, under the prefix and names of our own."""
        ours = _renamed(with_bodies(self.app.openapi_schema.to_schema()))
        theirs = host.openapi_schema
        everywhere = ours.get("security")
        for path, item in ours["paths"].items():
            for operation in item.values():
                if isinstance(operation, dict):
                    operation["operationId"] = _OURS + operation["operationId"]
                    if self._has_own_users:  # whose proofs the host knows, and we do not
                        operation.pop("security", None)
                    elif everywhere is not None:
                        operation.setdefault("security", everywhere)
            theirs.paths = {**(theirs.paths or {}), self._at + path: item}
        parts = ours["components"]
        theirs.components.schemas.update(
            {_OURS + name: schema for name, schema in parts.get("schemas", {}).items()}
        )
        if not self._has_own_users:
            known = theirs.components.security_schemes or {}
            theirs.components.security_schemes = {**parts.get("securitySchemes", {}), **known}


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    """A document of ours whose references are to names that begin with ours."""
    text = msgspec.json.encode(document).decode()
    renamed: dict[str, Any] = msgspec.json.decode(text.replace(_SCHEMAS, _SCHEMAS + _OURS))
    return renamed
