"""Whether what the settings of access point to can be used: for ``streamer check``."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..config.settings import InvalidSetting, Settings
from .application import Application
from .bounded_get import Failed
from .configured import application_of, keys_of
from .jwks import fetch

_HTTP_OK: Final = 200
#: What an application may answer to whoever presents nothing.
_REFUSALS: Final = frozenset({401, 403})


class Trial(NamedTuple):
    """What came of it; `good` is None for what may do later, False for what stops a start."""

    found: str
    good: bool | None = True


async def try_out(settings: Settings) -> Trial:
    """Read the key, fetch the keys, or ask the application for somebody who presents nothing."""
    try:
        keys = keys_of(settings)
    except InvalidSetting as error:
        return Trial(str(error), good=False)
    if settings.auth_jwks_url is not None:
        return await _key_set(settings.auth_jwks_url)
    if keys is not None:
        return Trial("by tokens, whose key can be used")
    application = application_of(settings)
    if application is not None:
        try:
            return await _answer(application)
        finally:
            await application.close()
    return Trial("everybody who reaches the port may do everything")


async def _key_set(url: str) -> Trial:
    try:
        found = await fetch(url)
    except Failed as error:
        return Trial(f"no keys can be fetched: {error}", good=None)
    said = [f"by tokens; {len(found.keys)} keys of the issuer can be used", *found.complaints]
    return Trial("; ".join(said), good=None if found.complaints or not found.keys else True)


async def _answer(application: Application) -> Trial:
    try:
        status = await application.try_out()
    except Failed as error:
        return Trial(f"the application cannot be asked: {error}", good=None)
    if status == _HTTP_OK:
        return Trial("the application lets in whoever presents nothing", good=None)
    if status not in _REFUSALS:
        found = f"the application answers {status} where it should refuse (401, 403)"
        return Trial(found, good=None)
    return Trial(f"by the application, which refuses whoever presents nothing ({status})")
