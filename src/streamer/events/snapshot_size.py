"""How much of snapshots is sent: an answer that shows them is bounded in bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

#: Bytes of snapshots in one answer, about. A reader that comes is handed them at once,
#: whatever it takes; ten thousand may come together.
SNAPSHOT_BYTES: Final = 256 * 1024

#: Bytes of `connected`, as a frame: Go's r3labs/sse ends for ever in a loop at 65,536, and
#: counts the heartbeats that come before the next event.
FRAME_BYTES: Final = 60_000
#: Of these, what is around one snapshot: the topic, twice at most, ids and times.
AROUND_ONE: Final = 2000

#: What may be large, and is left out as a whole.
_TEXTS: Final = ("error", "message", "result")
#: What is left out one by one, the first first: those over, and the oldest.
_LISTS: Final = ("present", "jobs", "tasks")


class Budget:
    """Bytes that the snapshots of one answer share.

    Each may have an equal share of what those before it left, so that small ones
    leave room and none takes that of others.

    Args:
        count: how many snapshots will be sent.
    """

    def __init__(self, count: int, max_bytes: int = SNAPSHOT_BYTES) -> None:
        self._count = count
        self._left = max_bytes

    def fit(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of the next snapshot, cut to its share, and whether they were: ``truncated``.

        Jobs and tasks are left out until the rest fits, the first that are listed
        first; an error, a message or a result that does not fit is null.
        """
        share = self._left // max(1, self._count)
        fitted, size = dict(fields), _size(fields)
        is_cut = size > share
        if is_cut:
            size = _cut(fitted, share)
        self._count -= 1
        self._left -= size
        return {**fitted, "truncated": is_cut}


def _cut(fields: dict[str, Any], max_bytes: int) -> int:
    """Cut `fields` to about `max_bytes`; return their size."""
    large = (*_TEXTS, *_LISTS)
    size = _size({name: value for name, value in fields.items() if name not in large})
    for name in _TEXTS:
        if (needed := _size(fields.get(name))) > max_bytes - size:
            fields[name] = None
        else:
            size += needed
    for name in _LISTS:
        if (listed := fields.get(name)) is None:
            continue
        kept = dict(_newest(listed, max_bytes - size))
        fields[name] = {key: value for key, value in listed.items() if key in kept}
        size += _size(fields[name])
    return size


def _newest(listed: Mapping[str, Any], max_bytes: int) -> Iterable[tuple[str, Any]]:
    size = 0
    for name, value in reversed(tuple(listed.items())):
        size += _size({name: value})
        if size > max_bytes:
            return
        yield name, value


def _size(value: Any) -> int:  # noqa: ANN401 - any JSON
    return len(msgspec.json.encode(value))
