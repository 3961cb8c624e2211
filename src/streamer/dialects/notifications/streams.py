"""The two streams of a platform's notifications, for users and for admins."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from litestar import Request, get, route, websocket
from litestar.enums import HttpMethod
from litestar.types import ASGIApp

from ...access.grants import EVERYTHING
from ...api.asker import Connection, asker_of, let_in_to_api
from ...api.connections import Census
from ...api.documentation import ApiOperation
from ...api.farewells import Socket
from ...api.may import may_see
from ...api.notifications import ANYBODY
from ...api.query import QUERY, STREAM, Query
from ...api.streams.commands import Commands
from ...api.streams.sse import PROBLEMS, serve_stream
from ...api.streams.websocket import serve_socket
from ...config.server_url import API
from ...errors import Forbidden, InvalidFrame
from ...events.control import Control
from ...events.topic import ADMINS, EVERYBODY, user_topic
from ...wire.form import Form
from ...wire.websocket import Command, Subscribe, Unsubscribe
from .documentation import AdminStreamOperation, UserStreamOperation
from .forms import FRAMES, LINES
from .statistics import statistics

_METHODS: Final = [HttpMethod.GET, HttpMethod.HEAD]
_USER: Final = {QUERY: Query((*STREAM[QUERY].once, "user_id"))}
_ALLOWED: Final = "allowed are ping, get_stats and JSON objects of the type ping, read and token"


class NotificationCommands(Commands):
    """What a client of notifications says."""

    __slots__ = ()

    frames: ClassVar[Form] = FRAMES
    lines: ClassVar[Form] = LINES

    @staticmethod
    async def greeting(socket: Socket) -> dict[str, Any]:
        """What ``connected`` says to a user."""
        user = _user_of(socket)
        return {"message": "Connected to your notifications", "user_id": user}

    async def take(self, text: str | bytes) -> None:
        """Obey one frame, or say why not."""
        if text == "ping":
            self._reader.reply(Control("pong", {"as_text": True}))
        elif text == "get_stats":
            self._reader.reply(Control("stats", await _statistics(self._socket)))
        else:
            await super().take(text)

    async def _obey(self, command: Command) -> None:
        if isinstance(command, Subscribe | Unsubscribe):
            raise InvalidFrame(f"the topics of this stream are given; {_ALLOWED}")
        await super()._obey(command)


class AdminCommands(NotificationCommands):
    """The same for an admin, who is told how many are connected."""

    __slots__ = ()

    @staticmethod
    async def greeting(socket: Socket) -> dict[str, Any]:
        """What ``connected`` says to an admin."""
        return {
            "message": "Connected to the notifications of admins",
            "admin_id": _user_of(socket),
            "connection_stats": await _statistics(socket),
        }


@websocket(f"{API}/ws", opt=_USER)
async def user_socket(socket: Socket) -> None:
    """One's own notifications, and those for everybody."""
    await serve_socket(socket, lambda: _topics_of(socket), NotificationCommands)


@websocket(f"{API}/ws/admin", opt=STREAM)
async def admin_socket(socket: Socket) -> None:
    """Notifications of admins, and those for everybody."""
    await serve_socket(socket, lambda: (ADMINS, EVERYBODY), AdminCommands)


@route(
    f"{API}/ws",
    http_method=_METHODS,
    operation_class=UserStreamOperation,
    exception_handlers=PROBLEMS,
    before_request=let_in_to_api,
    summary="Stream your notifications",
    opt=_USER,
    tags=["notifications"],
)
async def user_stream(request: Request[Any, Any, Any]) -> ASGIApp:
    """Your own notifications, and those for everybody, as events with ids."""
    return await serve_stream(request, _topics_of(request))


@route(
    f"{API}/ws/admin",
    http_method=_METHODS,
    operation_class=AdminStreamOperation,
    exception_handlers=PROBLEMS,
    before_request=let_in_to_api,
    summary="Stream the notifications of admins",
    opt=STREAM,
    tags=["notifications"],
)
async def admin_stream(request: Request[Any, Any, Any]) -> ASGIApp:
    """Notifications of admins, and those for everybody, as events with ids."""
    return await serve_stream(request, (ADMINS, EVERYBODY))


@get(
    f"{API}/ws/stats",
    before_request=let_in_to_api,
    operation_class=ApiOperation,
    summary="Readers of notifications",
    tags=["notifications"],
)
async def stream_statistics(request: Request[Any, Any, Any]) -> dict[str, int]:
    """How many users and admins are connected, over all processes.

    Those whose notifications whoever asks may not read are not counted.
    """
    return await _statistics(request)


async def _statistics(connection: Connection) -> dict[str, int]:
    census: Census = connection.app.state.census
    asker = asker_of(connection)
    counts = await census.counts()
    return statistics({t: number for t, number in counts.items() if may_see(asker, t)})


def _topics_of(connection: Connection) -> tuple[str, ...]:
    return (user_topic(_user_of(connection)), EVERYBODY)


def _user_of(connection: Connection) -> str:
    """Who it is, by the token; where nobody is asked, who they say.

    Raises:
        Forbidden: the token says nobody, or it is not theirs to say.
    """
    asker = asker_of(connection)
    said: str | None = connection.query_params.get("user_id")
    if asker.grants is EVERYTHING:
        return said or ANYBODY
    if not asker.grants.subject:
        raise Forbidden("a token without a sub has no notifications")
    if said not in {None, asker.grants.subject}:
        raise Forbidden("the notifications of somebody else are theirs")
    return asker.grants.subject


ROUTES: Final = (user_socket, admin_socket, user_stream, admin_stream, stream_statistics)
