"""URLs as they may be shown: without their password."""

from __future__ import annotations

import re
from typing import Final

#: ``user:password@`` before the host; the last @ ends it, for people do not escape.
_USERINFO: Final = re.compile(r"(?<=://)([^:/?#]*):[^/?#]*@")
#: redis-py takes the password as a parameter too.
_PARAMETER: Final = re.compile(r"([?&]password=)[^&#]*")


def without_password(url: str) -> str:
    """`url` with ``***`` for its password, wherever it stands."""
    return _PARAMETER.sub(r"\1***", _USERINFO.sub(r"\1:***@", url))
