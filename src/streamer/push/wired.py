"""Web Push, as the settings ask for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..access.grants import Grants
from ..config.settings import InvalidSetting, Settings
from ..eventlog.base import EventLog
from .services import Services

if TYPE_CHECKING:
    from .vapid import KeySource
    from .watch import PushWatch


class Push(NamedTuple):
    """What subscribing needs, and what sends."""

    key: KeySource
    services: Services
    watch: PushWatch


def push_of(
    settings: Settings,
    log: EventLog,
    is_revoked: Callable[[Grants], bool],
    *,
    clock: Callable[[], float] = time.time,
) -> Push | None:
    """What `settings` ask for; None where nobody says whom the pushes are from.

    `is_revoked` is whether a token was taken back, `clock` in seconds since 1970.

    Raises:
        InvalidSetting: ``STREAMER_PUSH_KEY`` holds no key that can be used.
    """
    if settings.push_subject is None:
        return None
    # PyJWT, cryptography and httpx: who sends no pushes starts without them.
    from .sender import Sender  # noqa: PLC0415
    from .vapid import UnusableKey, kept_key, set_key  # noqa: PLC0415
    from .watch import PushWatch  # noqa: PLC0415

    try:
        key = (
            kept_key(log.access.signing_key)
            if settings.push_key is None
            else set_key(settings.push_key)
        )
    except UnusableKey as error:
        raise InvalidSetting(f"STREAMER_PUSH_KEY cannot be used: {error}") from None
    services = Services(settings.push_services)
    seconds = settings.push_timeout
    sender = Sender(
        log, services, key, settings.push_subject, is_revoked, seconds=seconds, clock=clock
    )
    watch = PushWatch(log, sender, after=settings.push_after, seconds=seconds)
    return Push(key, services, watch)
