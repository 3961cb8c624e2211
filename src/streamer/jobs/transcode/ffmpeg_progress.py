"""Reads what ``ffmpeg -progress pipe:1`` prints; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

#: Make ffmpeg report, every tenth of a second.
REPORTS: Final = ("-stats_period", "0.1", "-progress", "pipe:1")
#: Reported at most, until ffmpeg has ended: it writes the file's index after the last frame.
_NEARLY_DONE: Final = 0.99


class Report(NamedTuple):
    """One block of progress; None for what ffmpeg does not know (yet).

    ``seconds`` is how much of the output is done, ``speed`` a multiple of real time.
    """

    seconds: float | None
    frame: int | None
    speed: float | None
    finished: bool


class ReportReader:
    """Gathers lines ``key=value`` into blocks that end with ``progress=…``."""

    def __init__(self) -> None:
        self._block: dict[str, str] = {}

    def feed(self, line: str) -> Report | None:
        """Take one line; return the report that it completes, if it does."""
        key, found, value = line.strip().partition("=")
        if not found:
            return None
        self._block[key] = value.strip()
        if key != "progress":
            return None
        block, self._block = self._block, {}
        return read_report(block)


def read_report(block: Mapping[str, str]) -> Report:
    """Read one block.

    ``out_time_ms`` is not used: it has always been in microseconds, against its
    name, so that a fixed ffmpeg would be off by a thousand.
    """
    microseconds = _number(block.get("out_time_us"))
    frame = _number(block.get("frame"))
    return Report(
        # Below zero for a moment, where the audio's priming samples come first.
        seconds=None if microseconds is None else max(0.0, microseconds / 1_000_000),
        frame=None if frame is None else int(frame),
        speed=_number(block.get("speed", "").removesuffix("x")),
        finished=block.get("progress") == "end",
    )


def fraction_done(report: Report, duration: float | None) -> float | None:
    """How far that is, from 0.0 to 0.99; None if it cannot be known.

    A file may be longer than its header says, and has no more than all done.
    """
    if report.finished:
        return _NEARLY_DONE
    if report.seconds is None or duration is None or duration <= 0:
        return None
    return round(min(report.seconds / duration, _NEARLY_DONE), 4)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:  # "N/A"
        return None
    # float() also reads "nan" and "inf", which are not positions.
    return number if number is not None and abs(number) < 1e15 else None  # noqa: PLR2004
