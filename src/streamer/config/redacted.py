"""What may be shown of a text that may hold a password."""

from __future__ import annotations

import re
from typing import Final

#: What stands for all that is not shown.
HIDDEN: Final = "***"
#: A word may be a password, these are none.
_PLAIN_HOST: Final = re.compile(r"(?:localhost|[0-9]{1,3}(?:\.[0-9]{1,3}){3})(?::[0-9]{1,5})?")
_KNOWN_SCHEME: Final = re.compile(
    r"(?:(?:redis|valkey)s?(?:\+(?:sentinel|cluster))?|unix|https?|wss?|tcp)://", re.IGNORECASE
)
#: What looks like a URL, to the end of the last word that does: people do not escape
#: the spaces of a password either.
_URLS: Final = re.compile(r"""[^\s'"(]*(?:://|:[^\s/]*@)(?:.*(?:://|@))?[^\s'")]*""", re.DOTALL)


def malformed(text: str) -> str:
    """What may be shown of a URL that cannot be read: its scheme, or a plain host.

    What is wrong with it may be an unescaped password, so nobody knows where that begins.
    """
    if not text or _PLAIN_HOST.fullmatch(text):
        return text
    known = _KNOWN_SCHEME.match(text)
    return f"{known[0] if known is not None else ''}{HIDDEN}"


def message(text: str) -> str:
    """`text`, a sentence that quotes what somebody typed, without the URLs in it."""
    return _URLS.sub(HIDDEN, text)
