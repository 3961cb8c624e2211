"""Says once a second what a worker process takes of its machine, where servers show it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..every import every_until
from ..version import __version__
from . import families as f
from .numbers import Numbers
from .resources import resources
from .shared import Share, opened

#: Seconds between two reports.
_PAUSE: Final = 1.0

_logger: Final = logging.getLogger(__name__)


@contextlib.contextmanager
def reporting(directory: Path | None) -> Iterator[None]:
    """Report in a thread, as long as the context lasts; None: nobody would read it."""
    share = None if directory is None else opened(directory)
    if share is None:
        yield
        return
    stopped = threading.Event()
    arguments = (stopped, _PAUSE, lambda: share.write(_numbers()), "reporting numbers")
    thread = threading.Thread(
        target=every_until,
        args=arguments,
        kwargs={"logger": _logger},
        name="numbers",
        daemon=True,
    )
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        _end(share)


def _end(share: Share) -> None:
    share.write(resources().lasting())
    share.close()


def _numbers() -> Numbers:
    numbers = resources()
    numbers.set(f.BUILD, 1, __version__)
    numbers.set(f.PROCESSES, 1, "worker")
    return numbers
