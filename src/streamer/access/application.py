"""The application is asked who is asking: for those that have sessions, and no tokens."""

from __future__ import annotations

import asyncio
import logging
import string
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final
from urllib.parse import quote

import httpx

from ..errors import (
    AuthUnavailable,
    Forbidden,
    InvalidToken,
    StreamerError,
    TokenExpired,
    Unauthorized,
)
from .bounded_get import Answer, Failed, get, tls
from .claims import grants_of
from .compact import read_object
from .grants import Grants

_logger: Final = logging.getLogger(__name__)

Header = tuple[bytes, bytes]
#: What came of asking once.
Outcome = Grants | StreamerError

#: What the application is sent of a request. Of ``X-Forwarded-*`` only where it is from and
#: what for: a proxy that logs people in says by ``X-Forwarded-User`` who they are, and
#: where there is none, or it leaves that header alone, so could anybody.
_FORWARDED: Final = frozenset(
    {
        *(b"cookie", b"authorization", b"origin", b"user-agent"),
        *(b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port"),
        *(b"x-forwarded-prefix", b"x-forwarded-proto"),
    }
)
#: Bytes of an answer: claims with 256 patterns of topics.
_MOST_BYTES: Final = 64 * 1024
#: Seconds for which a refusal holds: who logs in is let in soon, and who tries again and
#: again is not asked about each time.
_REFUSAL_TTL: Final = 1.0
#: Answers that are kept.
_MOST_ANSWERS: Final = 10_000
#: Connections to the application, and those who wait for an answer: more are sent away,
#: so that a crowd that comes back does not take the application down as well.
_MOST_CONNECTIONS: Final = 32
_MOST_WAITING: Final = 1024

_HTTP_OK: Final = 200
_REFUSALS: Final[dict[int, type[StreamerError]]] = {401: Unauthorized, 403: Forbidden}


class Application:
    """Asks ``STREAMER_AUTH_URL`` who a request is from.

    It is sent a GET with the request's ``Cookie``, ``Authorization``, ``Origin``,
    ``User-Agent``, ``X-Forwarded-For``, ``-Host``, ``-Port``, ``-Prefix`` and ``-Proto``,
    and what ``STREAMER_AUTH_URL_HEADERS`` names, and with
    ``X-Original-Method`` and ``X-Original-URI``. It answers 200 with claims as JSON (see
    `claims.grants_of`; ``exp`` may be left out), or 401, or 403. Anything else says nothing,
    a redirect to a login page too.

    The answer says who it is, not whether that request is allowed: it holds for `ttl`
    seconds for whatever comes with the same headers.

    Args:
        url: of the application.
        ttl: seconds for which an answer holds; with 0 only those share one who ask while
            it is under way.
        timeout: seconds for one answer.
        headers: names of further headers that it is sent.
        client: the HTTP client; one of its own if there is none.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        url: str,
        *,
        ttl: float = 10.0,
        timeout: float = 5.0,
        headers: Iterable[str] = (),
        client: httpx.AsyncClient | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url: Final = url
        self._ttl: Final = ttl
        self._timeout: Final = timeout
        self._forwarded: Final = _FORWARDED | {name.lower().encode() for name in headers}
        self._client: Final = client or _client()
        self._clock: Final = clock
        #: By a digest of what was sent: until when it holds, and what was said.
        self._answers: Final[OrderedDict[bytes, tuple[float, Outcome]]] = OrderedDict()
        self._places: Final = asyncio.Semaphore(_MOST_CONNECTIONS)
        self._asking: Final[dict[bytes, asyncio.Task[Outcome]]] = {}
        self._is_away = False

    async def ask(self, headers: Iterable[Header], *, method: str, uri: str) -> Grants:
        """Return what whoever sent `headers` may do.

        Args:
            headers: of the request, by names in lower case, as ASGI has them.
            method: of the request.
            uri: its path and query, without a token.

        Raises:
            Unauthorized: the application does not know them.
            Forbidden: it knows them, and they may do nothing here.
            AuthUnavailable: it is away, or answers something else.
        """
        sent = [header for header in headers if header[0] in self._forwarded]
        digest = _digest(sent)
        outcome = self._kept(digest)
        if outcome is None:
            # Others may wait for the same answer: that one of them leaves does not end it.
            outcome = await asyncio.shield(self._under_way(digest, sent, method, uri))
        if isinstance(outcome, StreamerError):
            raise type(outcome)(outcome.detail)
        return outcome

    async def try_out(self) -> int:
        """Return the status that somebody is answered who presents nothing.

        Raises:
            Failed: there is no answer.
        """
        answer = await get(self._client, self._url, seconds=self._timeout, most_bytes=_MOST_BYTES)
        return answer.status

    async def close(self) -> None:
        """Ask nobody more."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await self._client.aclose()

    def _kept(self, digest: bytes) -> Outcome | None:
        until, outcome = self._answers.get(digest, (0.0, None))
        if outcome is None:
            return None
        if self._clock() >= until:
            del self._answers[digest]
            return None
        self._answers.move_to_end(digest)
        return outcome

    def _under_way(
        self, digest: bytes, sent: list[Header], method: str, uri: str
    ) -> asyncio.Task[Outcome]:
        task = self._asking.get(digest)
        if task is None:
            if len(self._asking) >= _MOST_WAITING:
                raise AuthUnavailable("too many wait for the application to say who they are")
            # A path was decoded once: what was %0A in it would end the header.
            original = [
                (b"x-original-method", quote(method).encode()),
                (b"x-original-uri", quote(uri, safe=string.punctuation).encode()),
            ]
            task = asyncio.create_task(self._ask(digest, [*sent, *original]))
            self._asking[digest] = task
            task.add_done_callback(lambda _: self._asking.pop(digest, None))
        return task

    async def _ask(self, digest: bytes, sent: list[Header]) -> Outcome:
        try:
            answer = await get(
                self._client,
                self._url,
                headers=sent,
                seconds=self._timeout,
                most_bytes=_MOST_BYTES,
                places=self._places,
            )
            outcome = _outcome(answer, self._clock())
        except Failed as error:
            if not self._is_away:
                _logger.warning("STREAMER_AUTH_URL does not say who is asking: %s", error)
            self._is_away = True
            return AuthUnavailable("the application does not say who is asking; try again")
        self._is_away = False
        now = self._clock()
        until = now + _REFUSAL_TTL
        if isinstance(outcome, Grants):
            until = now + self._ttl
            until = until if outcome.expires is None else min(until, outcome.expires)
        self._answers[digest] = until, outcome
        if len(self._answers) > _MOST_ANSWERS:
            self._answers.popitem(last=False)
        return outcome


def _outcome(answer: Answer, now: float) -> Outcome:
    if (refusal := _REFUSALS.get(answer.status)) is not None:
        return refusal("the application refuses these credentials")
    if answer.status != _HTTP_OK:
        raise Failed(f"it answers with the status {answer.status}")
    try:
        grants = grants_of(read_object(answer.body, "the answer"))
    except InvalidToken as error:
        raise Failed(f"its answer has no claims: {error.detail}") from error
    if grants.expires is not None and now >= grants.expires:
        return TokenExpired(
            "the application says that the time is over (exp)", subject=grants.subject
        )
    return grants.as_of(now)


def _digest(sent: list[Header]) -> bytes:
    # With their lengths: no two requests are the same bytes.
    parts = (b"%d:%d:%b%b" % (len(name), len(value), name, value) for name, value in sorted(sent))
    return sha256(b"".join(parts)).digest()


def _client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=_MOST_CONNECTIONS)
    # No proxy of the environment is sent what is for the application alone.
    return httpx.AsyncClient(verify=tls(), limits=limits, timeout=None, trust_env=False)  # noqa: S113 - `get` has one
