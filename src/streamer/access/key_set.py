"""What an issuer answers when it is asked for its keys (RFC 7517 section 5)."""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

from .bounded_get import Answer, Failed
from .keys import Key, UnusableKey, jwk_key

#: Bytes of a key set, and keys in one, at most: ten times the largest that are published.
MOST_BYTES: Final = 256 * 1024
_MOST_KEYS: Final = 100
#: Seconds after which keys are fetched again: as the answer says, within an hour, in which
#: a key that was stolen is to be gone, and a minute, which is a burden for nobody.
_REFRESH: Final = 300.0
_SHORTEST: Final = 60.0
_LONGEST: Final = 3600.0
_MAX_AGE: Final = re.compile(r'(?:^|[\s,])max-age="?([0-9]{1,9})', re.IGNORECASE)

_HTTP_OK: Final = 200


class KeySet(NamedTuple):
    """Keys of an issuer.

    Attributes:
        keys: those that a token may be verified by.
        seconds: after which they are to be fetched again.
        complaints: what is wrong with those that are meant for it and unusable.
    """

    keys: frozenset[Key]
    seconds: float
    complaints: tuple[str, ...]


def read_key_set(answer: Answer) -> KeySet:
    """Read `answer`. A set without any usable key is one: then no token is good.

    Raises:
        Failed: it is not a key set.
    """
    if answer.status != _HTTP_OK:
        raise Failed(f"the answer has the status {answer.status}")
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not all(isinstance(jwk, dict) for jwk in listed):
        raise Failed('the answer is not a key set: {"keys": [{…}, …]}')
    if len(listed) > _MOST_KEYS:
        raise Failed(f"the answer has {len(listed)} keys; at most {_MOST_KEYS} are read")
    keys, complaints = set(), []
    for jwk in listed:
        try:
            key = jwk_key(jwk)
        except UnusableKey as error:
            complaints.append(f"kid {str(jwk.get('kid'))[:80]!r}: {error}")
        else:
            keys |= {key} if key is not None else set()
    return KeySet(frozenset(keys), _seconds(answer), tuple(complaints))


def _seconds(answer: Answer) -> float:
    said = _MAX_AGE.search(answer.headers.get("cache-control", ""))
    return min(max(float(said[1]), _SHORTEST), _LONGEST) if said else _REFRESH
