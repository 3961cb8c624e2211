"""The keys that an issuer publishes at a URL (JWKS, RFC 7517): fetched, kept, refreshed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

import httpx

from ..errors import AuthUnavailable, InvalidToken
from .bounded_get import Failed, get, tls
from .key_set import MOST_BYTES, KeySet, read_key_set
from .keys import Key, wrong_algorithm

_logger: Final = logging.getLogger(__name__)

#: Seconds for which a refresh may be under way while the old keys go on being used.
_GRACE: Final = 60.0
#: Seconds for which the last keys hold while the issuer is away: nobody is logged out by
#: an outage of a night, and a key that was stolen is not good for ever.
_HOLD: Final = 24 * 3600.0
#: Seconds between two fetches while the issuer is away; while there are no keys at all;
#: and between two that an unknown key id is the reason for, whatever strangers invent.
_AGAIN: Final = 10.0
_AGAIN_FIRST: Final = 1.0
_AGAIN_FOR_ID: Final = 10.0
#: Seconds for one fetch.
_TIMEOUT: Final = 5.0


class JWKS:
    """`keys.Keys` of an issuer, by its URL.

    They are fetched when first needed, and in the background when they are used and
    old: then nobody waits. A token with an unknown ``kid`` has them fetched as well, so
    that an issuer may use a new key as soon as it is published. A key that is gone from
    the set verifies nothing more, and `generation` says so of what it had verified.

    While the issuer is away its last keys hold for a day.

    Args:
        url: https, or of the loopback.
        client: makes the HTTP client of one fetch.
        clock: seconds from any beginning, never back.
    """

    def __init__(
        self,
        url: str,
        *,
        client: Callable[[], httpx.AsyncClient] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url: Final = url
        self._client: Final = client or _clients(url)
        self._clock: Final = clock
        self._keys: frozenset[Key] = frozenset()
        self._complaints: tuple[str, ...] = ()
        self._generation = 0
        self._is_away = False
        self._refresh_at = self._good_until = self._held_until = float("-inf")
        self._looked_for_id = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> Key:
        """Return the key of this ``kid``; without one, the only key of the algorithm."""
        await self._have_keys()
        found = self._named(key_id)
        if not found:
            await self._look_again()
            found = self._named(key_id)
        if not found:
            raise InvalidToken("kid is not that of a key of the issuer")
        fitting = [key for key in found if key.algorithm == algorithm]
        if not fitting:
            raise wrong_algorithm()
        if len(fitting) > 1:
            raise InvalidToken("kid must say which of the issuer's keys it is")
        return fitting[0]

    def generation(self) -> int | None:
        """See `Keys.generation`; old keys begin to be refreshed. Of the event loop."""
        now = self._clock()
        if now >= self._good_until:
            return None
        if now >= self._refresh_at:
            self._begin()
        return self._generation

    async def close(self) -> None:
        """Fetch nothing more."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _named(self, key_id: str | None) -> list[Key]:
        return [key for key in self._keys if key_id is None or key.key_id == key_id]

    async def _have_keys(self) -> None:
        if self.generation() is not None:
            return
        if self._is_under_way() or self._clock() >= self._refresh_at:
            await asyncio.shield(self._begin())
        if self.generation() is None:
            wait = max(self._refresh_at - self._clock(), _AGAIN_FIRST)
            raise AuthUnavailable("the issuer's keys cannot be fetched now", retry_after=wait)

    async def _look_again(self) -> None:
        now = self._clock()
        if self._is_under_way() or now >= self._looked_for_id + _AGAIN_FOR_ID:
            self._looked_for_id = now
            await asyncio.shield(self._begin())
        if self._is_away:
            # It may be a new key: whoever has it is not a stranger because we cannot ask.
            raise AuthUnavailable(
                "the token's key is not known, and the issuer cannot be asked now",
                retry_after=_AGAIN,
            )

    def _is_under_way(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    def _begin(self) -> asyncio.Task[None]:
        """The fetch under way, however many want it."""
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        began = self._clock()
        # First of all: whatever becomes of this one, the next is not at once.
        self._refresh_at = began + (_AGAIN if began < self._held_until else _AGAIN_FIRST)
        try:
            found = await fetch(self._url, self._client)
        except Failed as error:
            if not self._is_away:
                _logger.warning(
                    "the keys at STREAMER_AUTH_JWKS_URL cannot be fetched: %s; the last ones "
                    "hold until %g hours after they were",
                    error,
                    _HOLD / 3600,
                )
            self._is_away = True
            self._good_until = self._held_until
            return
        if self._is_away:
            _logger.warning("the keys at STREAMER_AUTH_JWKS_URL can be fetched again")
        self._is_away = False
        if found.complaints != self._complaints:
            self._complaints = found.complaints
            for complaint in found.complaints:
                _logger.warning("a key at STREAMER_AUTH_JWKS_URL is not used: %s", complaint)
        if self._keys - found.keys:
            self._generation += 1
        self._keys = found.keys
        # From when it was asked: the answer is as old as that.
        self._refresh_at = began + found.seconds
        self._good_until = self._refresh_at + _GRACE
        self._held_until = began + _HOLD


async def fetch(url: str, client: Callable[[], httpx.AsyncClient] | None = None) -> KeySet:
    """Fetch the keys at `url` once.

    Raises:
        Failed: there are none.
    """
    async with (client or _clients(url))() as http:
        return read_key_set(await get(http, url, seconds=_TIMEOUT, most_bytes=MOST_BYTES))


def _clients(url: str) -> Callable[[], httpx.AsyncClient]:
    context = tls()
    # Plain HTTP is of this machine alone: through a proxy of the environment it would not be.
    may_use_proxy = url.lower().startswith("https://")
    return lambda: httpx.AsyncClient(verify=context, timeout=_TIMEOUT, trust_env=may_use_proxy)
