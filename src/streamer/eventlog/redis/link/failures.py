"""Turn what goes wrong with Redis into `LogUnavailable`, saying what to do."""

from __future__ import annotations

import re

from redis import exceptions

from ....errors import LogForbidden, LogUnavailable

#: What an operator reads, by the first word of Redis's own error.
_ADVICE = {
    "OOM": "Redis refuses writes: OOM, its maxmemory is reached",
    "READONLY": "Redis refuses writes: READONLY, it is a replica",
    "MISCONF": "Redis refuses writes: MISCONF, it cannot save to disk",
    "NOREPLICAS": "Redis refuses writes: NOREPLICAS, too few replicas are connected",
    "MASTERDOWN": "Redis refuses: MASTERDOWN, it is a replica that lost its primary",
    "NOAUTH": "Redis refuses: NOAUTH, it wants a password; set it in STREAMER_REDIS_URL",
    "WRONGPASS": "Redis refuses: WRONGPASS, the user or password in STREAMER_REDIS_URL is wrong",
    "NOPERM": "Redis refuses: NOPERM, its user lacks a right; docs/REDIS.md lists them all",
    "LOADING": "Redis is loading its data; it will answer soon",
    "CLUSTERDOWN": "Redis Cluster is down: CLUSTERDOWN, too many of its nodes are gone",
    "TRYAGAIN": "Redis Cluster is moving the log to another node; it will be there soon",
    "CROSSSLOT": "Redis Cluster refuses: CROSSSLOT; give it as redis+cluster://",
    "MOVED": "this Redis is one node of a cluster; give it as redis+cluster://",
    "UNKNOWN": "Redis does not know one of our commands; is it renamed, or are scripts disabled?",
    "BUSY": "Redis is busy with a script",
    "NEWER": "the event log is kept by a newer Streamer; upgrade this one, or choose another "
    "STREAMER_PREFIX",
    "WRONGTYPE": "Redis holds something else under one of our keys; choose another STREAMER_PREFIX",
}
#: What Redis adds to the error of a script.
_PLACE = re.compile(r"[ ,]*script: [0-9a-f]*,? ?on @user_script:\d+\.?$")
#: Errors that have an address in place of their word.
_BY_CLASS = ((exceptions.MovedError, "MOVED"), (exceptions.AskError, "TRYAGAIN"))
#: What says more than its first word; an unauthenticated client with a long command is
#: not even answered NOAUTH.
_BY_TEXT = (
    ("without any password configured", "WRONGPASS"),
    ("unauthenticated", "NOAUTH"),
    ("unknown command", "UNKNOWN"),
    ("invalid command passed", "UNKNOWN"),
)


def unavailable(error: Exception) -> LogUnavailable:
    """The `LogUnavailable` that says what `error` means; chain it with ``from``."""
    # Where in which script it was is nothing that an operator can use.
    text = _PLACE.sub("", str(error))
    word = next((word for kind, word in _BY_CLASS if isinstance(error, kind)), None)
    if word is None:
        word = next((word for part, word in _BY_TEXT if part in text.lower()), None)
    if word is None:
        word = text.partition(" ")[0].rstrip(":")
    advice = _ADVICE.get(word)
    if word == "NOPERM":
        return LogForbidden(f"{advice} ({text})")
    if advice is not None:
        found = LogUnavailable(f"{advice} ({text})")
        # It is found before anything is written: see rights.lua.
        found.is_of_some = word == "WRONGTYPE"
        return found
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        return LogUnavailable(f"Redis did not answer in time ({text or 'timeout'})")
    if isinstance(error, exceptions.ConnectionError | OSError):
        return LogUnavailable(f"Redis cannot be reached ({text or type(error).__name__})")
    return LogUnavailable(f"Redis failed ({text or type(error).__name__})")
