"""How a process writes its log: one line for each thing, on the standard error."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Final

from .log_json import JsonLines
from .log_text import TextLines
from .log_writing import LogWriting

#: Loggers that say at INFO what only somebody who looks for a fault wants to know.
_TALKATIVE: Final = ("uvicorn", "dramatiq", "httpx", "httpcore")


def write_log(level: str, form: str = "auto") -> None:
    """Write what is at least as severe as `level`, one of `settings.LOG_LEVELS`.

    `form` is one of `settings.LOG_FORMATS`; ``auto`` is for people where the standard error is
    a terminal, and for programs where it is not.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    is_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    handler = LogWriting(sys.stderr)
    handler.setFormatter(JsonLines() if is_json else TextLines())
    logging.basicConfig(level=least, handlers=[handler], force=True)
    if is_json:
        # Whatever reads the log line by line finds nothing else there.
        logging.captureWarnings(capture=True)
        sys.excepthook = _log_what_ends_us
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(
            max(least, logging.WARNING) if least > logging.DEBUG else least
        )


def _log_what_ends_us(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logging.getLogger("streamer").critical(
        "the process ends: %s", kind.__name__, exc_info=(kind, error, traceback)
    )
