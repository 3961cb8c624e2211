"""Targets that name their host, as requests to a proxy do (RFC 9112, section 3.2.2)."""

from __future__ import annotations

import re
from typing import Final

#: Whose it is, without who asks; and the rest, which may begin with a query.
_ABSOLUTE: Final = re.compile(rb"(?:https?|wss?)://(?:[^/?#@]*@)?([^/?#@]+)([^#]*)", re.IGNORECASE)


def origin_form(target: bytes, fields: list[tuple[bytes, bytes]]) -> bytes:
    """`target` without its host, which takes the place of that in `fields`.

    What is no such target is returned as it is. So is a head that has no ``Host``, or two: it is
    to be refused, whatever its target is.
    """
    found = _ABSOLUTE.match(target)
    if found is None:
        return target
    hosts = [number for number, (name, _) in enumerate(fields) if name == b"host"]
    if len(hosts) != 1:
        return target
    host, rest = found.groups()
    fields[hosts[0]] = (b"host", host)
    return rest if rest.startswith(b"/") else b"/" + rest
