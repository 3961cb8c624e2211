"""A line of the log as a JSON object, for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final

from ..tracing.doing import ids_here

#: Attribute of a record, given as `extra`: fields of its own, by name.
FIELDS: Final = "fields"
#: Characters of a text; the rest of it is left out. A traceback is far below.
_LONGEST: Final = 32 * 1024


class JsonLines(logging.Formatter):
    """One object a line: ``time``, ``level``, ``logger``, ``message``, and what is known beside.

    That is which request, job, connection and trace it is of (`tracing.doing`), the fields of
    its own, and an exception as ``error`` and ``exception``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Encode `record`, whatever is in it, as ASCII without an end of line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said: dict[str, Any] = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **ids_here(),
        }
        for name, value in getattr(record, FIELDS, {}).items():
            said.setdefault(name, value)
        if record.exc_info and record.exc_info[0] is not None:
            said["error"] = record.exc_info[0].__qualname__
            said["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            said["exception"] = record.exc_text
        if record.stack_info:
            said["stack"] = record.stack_info
        cut = {name: _cut(value) for name, value in said.items()}
        return json.dumps(cut, default=str).replace("\x7f", "\\u007f")


def _cut(value: object) -> object:
    if isinstance(value, str) and len(value) > _LONGEST:
        return value[:_LONGEST] + "…"
    return value
