"""Numbers, sizes and times as a person reads them: short, and in their largest unit."""

from __future__ import annotations

from typing import Final

_STEP: Final = 1000
_UNITS: Final = ("kB", "MB", "GB", "TB")
_TEN: Final = 10
_SECONDS: Final = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def size(count: int | None) -> str:
    """Bytes: ``512 B``, ``4.2 kB``, ``18 MB``; a dash where nobody knows."""
    if count is None:
        return "-"
    if count < _STEP:
        return f"{count} B"
    value, unit = float(count), "B"
    for each in _UNITS:
        if value < _STEP:
            break
        value, unit = value / _STEP, each
    return f"{value:.1f} {unit}" if value < _TEN else f"{value:.0f} {unit}"


def span(seconds: float) -> str:
    """Seconds, in their largest unit: ``7d``, ``90m`` is ``1h``."""
    whole = max(0, int(seconds))
    for unit, length in _SECONDS:
        if whole >= length:
            return f"{whole // length}{unit}"
    return "0s"


def exactly(seconds: float) -> str:
    """Seconds in the largest unit that loses nothing: ``7d``, ``90m``, ``1.5s``."""
    for unit, length in _SECONDS:
        if seconds >= length and seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    return f"{seconds:g}s"


def number(count: int) -> str:
    """A count, its thousands apart: ``12,345``."""
    return f"{count:,}"
