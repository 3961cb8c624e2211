"""Those who ask, each with a token that is their name, and a server that asks who they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from litestar import Litestar
from litestar.routes import HTTPRoute, WebSocketRoute

from streamer.access.grants import Grants
from streamer.access.patterns import Patterns
from streamer.api.door import IsRevoked, TokenDoor
from streamer.config.settings import Settings
from streamer.errors import InvalidToken, StreamerError, TokenExpired

from .stage import HANDSHAKE, Peer, Stage
from .waiting import wait_until_blocking

COOKIE: Final = "__Host-streamer"


def grants(
    subject: str, *, reads: tuple[str, ...] = (), writes: tuple[str, ...] = (), admin: bool = False
) -> Grants:
    return Grants(subject, is_admin=admin, subscribe=Patterns(reads), publish=Patterns(writes))


class FakeTokens:
    """Knows tokens by their text; what is none of them is forged, or has ended."""

    def __init__(self, known: Mapping[str, Grants]) -> None:
        self.good: Final = dict(known)
        #: An error to raise instead.
        self.fault: StreamerError | None = None

    def known(self, token: str) -> Grants | None:
        return None if self.fault is not None else self.good.get(token)

    async def verify(self, token: str) -> Grants:
        if self.fault is not None:
            raise self.fault
        if token.startswith("ended"):
            raise TokenExpired("the token's time is over (exp)")
        if token not in self.good:
            raise InvalidToken("the token's signature is wrong")
        return self.good[token]


class ClosedStage(Stage):
    """A stage whose door knows `known` by their subjects as tokens."""

    def __init__(
        self,
        *known: Grants,
        settings: Settings | None = None,
        is_revoked: IsRevoked | None = None,
        **wired: Any,  # noqa: ANN401 - as `create_app` has them
    ) -> None:
        self.tokens: Final = FakeTokens({who.subject: who for who in known})
        door = TokenDoor(self.tokens, COOKIE, is_revoked or self._is_revoked)
        super().__init__(settings or Settings(send_timeout=5.0), door=door, **wired)

    def _is_revoked(self, who: Grants) -> bool:
        return bool(self.app.state.revocations.is_revoked(who))

    def ask(
        self,
        target: str,
        token: str | None = None,
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """What is answered, all of it; ``WEBSOCKET`` is a method."""
        peer = self.peer(target, token, method=method, body=body, headers=headers)
        return self.answer(peer, method=method).decode("latin-1")

    def peer(
        self,
        target: str,
        token: str | None = None,
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Peer:
        """Whoever asks that."""
        # Else no two answers are the same, whatever is asked.
        sent = {"X-Request-ID": "asked", **(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if method == "WEBSOCKET":
            return Peer(self, target, {**HANDSHAKE, **sent})
        if body or method == "POST":
            sent["Content-Length"] = str(len(body))
        return Peer(self, target, sent, method=method, body=body)

    def answer(self, peer: Peer, *, method: str = "GET") -> bytes:
        """What `peer` has received, when all has come to rest."""

        def is_whole() -> bool:
            self.settle()
            return _is_whole(peer.take(), has_body=method != "HEAD")

        # Files are read in a thread, whose time is not the stage's.
        wait_until_blocking(is_whole, "no answer came")
        self.settle()
        return peer.take()


_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: (\d+)\r\n")


def _is_whole(answer: bytes, *, has_body: bool) -> bool:
    """Whether the head is there, and the body if its length is known."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    return bool(end) and (length is None or not has_body or len(body) >= int(length[1]))


def status_of(answer: str) -> int:
    """Of an HTTP answer."""
    return int(answer.split(" ", 2)[1])


def ways_in(app: Litestar) -> list[tuple[str, str]]:
    """Every path and method of `app`; ``WEBSOCKET`` is one."""
    ways: list[tuple[str, str]] = []
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            methods = {*route.route_handler_map} - {"OPTIONS"}  # answered for every address alike
            ways += [(route.path_format, str(method)) for method in sorted(methods)]
        else:
            assert isinstance(route, WebSocketRoute), f"{route.path} has a door of its own?"
            ways.append((route.path_format, "WEBSOCKET"))
    return ways


def target_of(path: str, method: str, name: str) -> str:
    """An address about the project, the job or the topic ``projects/{name}``."""
    path = path.replace("/topics/{s1}/{s2}/", "/topics/projects/{s2}/")
    target = re.sub(r"{[^}]*}", name, path)
    several = ("/api/v1/stream", "/api/v1/events", "/api/v1/status")
    return f"{target}?topic=projects/{name}" if path in several and method != "POST" else target
