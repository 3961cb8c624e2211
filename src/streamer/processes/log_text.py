"""A line of the log as a person reads it."""

from __future__ import annotations

import logging
from typing import Final

from ..tracing.doing import ids_here

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class TextLines(logging.Formatter):
    """``<time> <level> <logger>: <message>``, and behind it which request or job it is of."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as `logging` has it
        """The line without the exception, which follows it."""
        ids = ids_here()
        known = {name: ids[name] for name in ("request_id", "job_id", "trace_id") if name in ids}
        line = super().formatMessage(record)
        return " ".join((line, *(f"{name}={value}" for name, value in known.items())))
