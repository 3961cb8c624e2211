"""What the settings of Web Push may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from .auth import InvalidAuth, check_auth_url, is_pem, shown_public_key
from .redacted import HIDDEN
from .web_names import read_address

#: The services of the browsers that there are: Chrome and those made of it, Firefox, Safari,
#: Edge. Whoever subscribes names an address that we then send to, so it is one of these, or
#: one that the operator named.
KNOWN_SERVICES: Final = (
    "fcm.googleapis.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)
#: RFC 6068, as far as somebody writes it there.
_MAILTO: Final = re.compile(r"mailto:[^\s@,?<>]{1,64}@[A-Za-z0-9.-]{1,253}")
_NAME: Final = re.compile(r"(?:\*\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
#: 32 bytes in base64url: the d of a JWK (RFC 7518 section 6.2.2.1).
_RAW: Final = re.compile(r"[A-Za-z0-9_-]{43}=?")


def check_push_subject(text: str) -> None:
    """Return if `text` is a ``sub`` of RFC 8292 section 2.1; raise `ValueError` if not."""
    if text.startswith("https://"):
        check_auth_url(text)
    elif _MAILTO.fullmatch(text) is None:
        raise InvalidAuth("it is neither mailto: with an address nor https://")


def shown_push_subject(text: str) -> str:
    """An address as it is, for it is sent to strangers; nothing of anything else."""
    try:
        check_push_subject(text)
    except ValueError:
        return HIDDEN if text else ""
    return text


def check_push_key(text: str) -> None:
    """Return if `text` may be a private key, or the path to one; raise `ValueError` if not."""
    if not text.strip() or "\0" in text or "://" in text:
        raise InvalidAuth("it is neither a key nor a path")
    if is_pem(text) and "PRIVATE" not in text:
        raise InvalidAuth("it is a public key; the browser gets that from the server")


def check_push_services(listed: Iterable[str]) -> None:
    """Return if each is a name, ``*.name`` or an address; raise `ValueError` if not."""
    for text in listed:
        if read_address(text.strip("[]")) is None and _NAME.fullmatch(text) is None:
            raise ValueError(text)


def is_raw_key(text: str) -> bool:
    """Whether `text` is a key of 32 bytes, and not the path to one."""
    return _RAW.fullmatch(text) is not None


def shown_push_key(text: str) -> str:
    """A path as it is; nothing of a key."""
    return HIDDEN if is_raw_key(text) else shown_public_key(text)
