"""An application in the same process says who is asking: a function in place of a URL."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ..errors import AuthUnavailable, InvalidToken, Unauthorized
from .claims import grants_of
from .grants import Grants

_logger: Final = logging.getLogger(__name__)

#: Is given the connection (Litestar's ``ASGIConnection``) and returns the claims of whoever
#: is there, as `claims.grants_of` reads them, or `Grants`; None is somebody unknown (401).
#: It may raise `Unauthorized` or `Forbidden` itself, with a reason. It is called for every
#: request and for every WebSocket, and nothing is kept of what it says.
Authorize = Callable[[Any], Awaitable[Mapping[str, object] | Grants | None]]


async def ask(
    authorize: Authorize, connection: object, *, clock: Callable[[], float] = time.time
) -> Grants:
    """Return what `authorize` says of `connection`; `clock` is in seconds since 1970.

    Raises:
        Unauthorized: it does not know who it is.
        AuthUnavailable: what it says are no claims; the log says why.
        Exception: whatever it raises.
    """
    said = await authorize(connection)
    if said is None:
        raise Unauthorized("the application does not know who is asking")
    if isinstance(said, Grants):
        return said.as_of(clock())
    try:
        return grants_of(said).as_of(clock())
    except InvalidToken as error:
        _logger.error("what authorize() returns are no claims: %s", error.detail)  # noqa: TRY400 - no fault of ours to trace
        raise AuthUnavailable("the application does not say who is asking") from None
