"""What a process takes of its machine."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import Final

from . import families as f
from .numbers import Numbers

#: Where Linux says it of the process that asks (proc(5)).
_MEMORY: Final = Path("/proc/self/statm")
_DESCRIPTORS: Final = Path("/proc/self/fd")
_PAGE: Final = resource.getpagesize()


def resources() -> Numbers:
    """Processor time; and on Linux memory and descriptors, which nothing else says cheaply."""
    numbers = Numbers()
    numbers.set(f.CPU, time.process_time())
    if sys.platform == "linux":
        numbers.set(f.MEMORY, int(_MEMORY.read_bytes().split()[1]) * _PAGE)
        count = _open_descriptors()
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        numbers.set(f.DESCRIPTORS, count)
        limited = soft != resource.RLIM_INFINITY and soft > 0
        numbers.set(f.DESCRIPTORS_USED, count / soft if limited else 0.0)
    return numbers


def _open_descriptors() -> int:
    # Linux says it as the size since 6.2, and 0 before; listing it takes milliseconds of many.
    return _DESCRIPTORS.stat().st_size or sum(1 for _ in _DESCRIPTORS.iterdir()) - 1
