"""How a process writes its log: one line for each thing, on the standard error."""

from __future__ import annotations

import logging
from typing import Final

#: Loggers that say at INFO what only somebody who looks for a fault wants to know.
_TALKATIVE: Final = ("uvicorn", "dramatiq", "httpx", "httpcore")


def write_log(level: str) -> None:
    """Write what is at least as severe as `level`, one of `settings.LOG_LEVELS`."""
    least = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(
        level=least,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(
            max(least, logging.WARNING) if least > logging.DEBUG else least
        )
