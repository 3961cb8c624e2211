"""Which push services may be sent to, and how many pushes are on their way to each."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ..backoff import Backoff
from ..config.push import KNOWN_SERVICES
from ..config.web_names import read_address
from ..errors import InvalidFields

#: Characters of an endpoint; those of the services that there are have some 200.
MAX_ENDPOINT: Final = 2048
#: Pushes on their way to one service at a time, of one process.
_PLACES: Final = 16
#: Pushes that wait for one of them; of more, the rest comes back later, so that those for a
#: service that hangs are never all that a process has in its hands.
_WAITING: Final = 32
#: Seconds for which a service is left alone that did not answer, each time in a row longer.
_AWAY: Final = Backoff(2.0, 60.0)
#: Seconds after which a push comes back for which there was no place, spread over so many.
_FULL: Final = (1.0, 5.0)


class Busy(Exception):
    """Nothing can be sent there now; come back after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds: Final = seconds


class Service:
    """One push service, as the settings name it.

    One that hangs has its places taken, and is then left alone for a while: whatever goes
    to others is not held up by it.

    Args:
        name: as it is named: ``push.example.com``, or ``*.push.example.com``.
        clock: seconds from any beginning, never back.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.name: Final = name
        self._clock: Final = clock
        self._free: Final = asyncio.Semaphore(_PLACES)
        self._waiting = 0
        self._failures = 0
        self._back_at = float("-inf")

    @asynccontextmanager
    async def place(self, seconds: float) -> AsyncIterator[None]:
        """One of its places, waited for up to `seconds`.

        Raises:
            Busy: there is none, or it did not answer others lately.
        """
        self._check()
        if self._waiting >= _WAITING:
            raise Busy(random.uniform(*_FULL))
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await self._free.acquire()
        except TimeoutError:
            raise Busy(random.uniform(*_FULL)) from None
        finally:
            self._waiting -= 1
        try:
            self._check()
            yield
        finally:
            self._free.release()

    def answered(self) -> None:
        """It is there, whatever it said."""
        self._failures = 0

    def failed(self) -> None:
        """It is not there, or too slow: those that are under way with this one say the same."""
        now = self._clock()
        if now >= self._back_at:
            self._back_at = now + _AWAY(self._failures)
            self._failures += 1

    def _check(self) -> None:
        wait = self._back_at - self._clock()
        if wait > 0:
            raise Busy(wait + random.uniform(0, 1))

    def has(self, host: str) -> bool:
        """Whether `host`, in lower case, is of this service."""
        if self.name.startswith("*."):
            return host.endswith(self.name[1:])
        return host == self.name


class Services:
    """The services that may be sent to: those of the browsers, and those that are named.

    Whoever subscribes says where we send to, and we are inside of a network that they are
    not. So it is no address that they may choose, but one of these.

    Args:
        more: names, ``*.name`` or addresses, beside the known ones.
    """

    def __init__(self, more: Iterable[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        names = (*KNOWN_SERVICES, *(name.strip("[]").lower() for name in more))
        self._services: Final = [Service(name, clock) for name in names]

    def find(self, endpoint: str) -> Service | None:
        """The service of `endpoint`; None if it may not be sent to."""
        place = _split(endpoint)
        if place is None or place.hostname is None:
            return None
        host = place.hostname.lower().removesuffix(".")
        service = next((service for service in self._services if service.has(host)), None)
        if service is None or (place.scheme != "https" and not _is_loopback(host)):
            return None
        return service

    def check(self, endpoint: str) -> None:
        """Return if `endpoint` is an address that may be sent to.

        Raises:
            InvalidFields: it is none, or of a service that nobody here has named.
        """
        if len(endpoint) > MAX_ENDPOINT:
            raise InvalidFields(
                f"endpoint has {len(endpoint)} characters; it may have {MAX_ENDPOINT}"
            )
        place = _split(endpoint)
        if place is None or place.scheme not in {"http", "https"} or not place.hostname:
            raise InvalidFields("endpoint must be an https:// URL, as a browser gives it")
        if self.find(endpoint) is None:
            raise InvalidFields(
                "endpoint is at no push service that may be sent to from here; "
                "STREAMER_PUSH_SERVICES names more"
            )


def origin_of(endpoint: str) -> str:
    """The origin of an endpoint, which `Services.find` has found (RFC 6454 section 6.2)."""
    place = urlsplit(endpoint)
    return f"{place.scheme}://{place.netloc.lower()}"


def _split(endpoint: str) -> SplitResult | None:
    if not endpoint.isascii() or not endpoint.isprintable() or set(endpoint) & set(' "<>\\^`{|}'):
        return None
    try:
        place = urlsplit(endpoint)
        _ = place.port
    except ValueError:
        return None
    return None if "@" in place.netloc or place.fragment else place


def _is_loopback(host: str) -> bool:
    address = read_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
