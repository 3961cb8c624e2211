"""A handler of `logging`: what a job logs is told, as lines of the job's log."""

from __future__ import annotations

import logging
from typing import Final

from .current import current

#: Our own loggers: they say what could not be told.
_OURS: Final = "streamer"


class LogHandler(logging.Handler):
    """Tells each record to those who watch the job that runs where it is logged.

    Add it once: ``logging.getLogger().addHandler(streamer.LogHandler())``. Outside of a job
    it does nothing; nor does it tell what Streamer logs itself. A traceback is part of its
    line. `level` and the formatter are as those of any handler.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the record, if this is a job's thread or coroutine; never raises."""
        if record.name.partition(".")[0] == _OURS:
            return
        progress = current()
        if progress is None:
            return
        try:
            progress.log(self.format(record), record.levelname.lower(), source=record.name)
        except Exception:  # noqa: BLE001 - as every handler does
            self.handleError(record)
