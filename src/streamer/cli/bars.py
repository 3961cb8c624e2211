"""Events on a terminal: a bar for each job at work, and a line for everything else."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple, Self

from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.text import Text

from ..client import Event
from .pace import TIMES, clock
from .shown_jobs import Line, Row, ShownJobs

#: The mark and the colour of a line, or of a job's state; the word says the same.
_MARKS: Final = {
    "running": ("▸", "cyan"),
    "queued": ("·", "dim"),
    "retrying": ("↻", "yellow"),
    "stalled": ("!", "yellow"),
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("⊘", "magenta"),
    "gap": ("…", "yellow"),
    "end": ("■", "dim"),
    "event": ("·", "cyan"),
    "connection": ("○", "yellow"),
}
#: The same where a terminal knows no more than ASCII.
_ASCII: Final = str.maketrans(f"▸·↻!✓✗⊘…■○━╸─{TIMES}", ">.~!+xo.#o=>-x")
#: Bars at most, beside some lines; the rest is counted in one line.
MAX_BARS: Final = 16
#: Columns of a bar, at least and at most, and of the names beside it.
_NARROWEST_BAR: Final = 6
_WIDEST_BAR: Final = 40
_WIDEST_NAME: Final = 32
#: Columns of a terminal that has room for more than what is needed most.
_ROOMY: Final = 60
#: Times a second that the bars are drawn again.
_FRAMES: Final = 8


class _Widths(NamedTuple):
    """The columns of all rows, so that they stand under each other."""

    name: int
    bar: int
    words: int
    message: int


class Bars:
    """Show events on a terminal."""

    #: Nobody leaves a terminal without a signal.
    left = False

    def __init__(self, console: Console | None = None) -> None:
        self._console: Final = console or Console(highlight=False)
        self._jobs: Final = ShownJobs()
        self._trouble = ""
        self._lock: Final = threading.Lock()
        self._live: Final = Live(
            console=self._console,
            get_renderable=self._rows,
            refresh_per_second=_FRAMES,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._trouble = ""
        self._live.stop()

    def event(self, event: Event) -> None:
        """Move a bar, or write a line."""
        self._trouble = ""
        with self._lock:
            lines = self._jobs.take(event)
        for line in lines:
            self._print(line)

    def say(self, text: str) -> None:
        """Write a line about the connection itself."""
        self._print(Line("connection", None, "", text))

    def watch(self, _events: object) -> None:
        """Do nothing, for that reason."""

    def away(self) -> None:
        """Mark the bars as what was, until the next event comes."""
        self._trouble = "not connected; trying again"

    def _print(self, line: Line) -> None:
        mark, style = _MARKS[line.kind]
        # The day is the reader's, as everything else on the screen.
        time = "" if line.time is None else f"{line.time.astimezone():%H:%M:%S} "
        text = Text.assemble(
            (time, "dim"), (f"{mark} ", style), (line.name, "bold"), " " if line.name else ""
        )
        text.append(line.text, "" if line.kind == "event" else style)
        self._console.print(self._encodable(text), soft_wrap=True)

    def _encodable(self, text: Text) -> Text:
        if self._console.options.ascii_only:
            text.plain = text.plain.translate(_ASCII)
        return text

    def _rows(self) -> Text:
        """All that is drawn again and again: never wider nor higher than the terminal."""
        options = self._console.options
        with self._lock:
            lines = list(self._lines(options))
        return self._encodable(Text("\n", no_wrap=True, overflow="crop").join(lines))

    def _lines(self, options: ConsoleOptions) -> Iterator[Text]:
        width = options.max_width - 1  # a cursor in the last column wraps on some terminals
        room = max(1, min(MAX_BARS, options.size.height - 3))
        rows = list(self._jobs.rows.values())
        shown, hidden = rows, list[Row]()
        if len(rows) > room:
            # Those at work first; in each, the order in which they came.
            at_work = sorted(rows, key=lambda row: row.state == "queued")
            chosen = set(map(id, at_work[: room - 1]))
            shown = [row for row in rows if id(row) in chosen]
            hidden = [row for row in rows if id(row) not in chosen]
        widths = _widths(shown, width)
        for row in shown:
            yield _line(row, widths, width)
        if hidden:
            counted = Counter(row.state for row in hidden)
            counts = ", ".join(f"{count} {state}" for state, count in counted.most_common())
            yield _cropped(Text(f"… and {len(hidden)} more: {counts}", "dim"), width)
        if self._trouble:
            mark, style = _MARKS["connection"]
            yield _cropped(Text(f"{mark} {self._trouble}", style), width)


def _widths(rows: list[Row], width: int) -> _Widths:
    """Divide the terminal: the bar has what the name and the words leave, within limits."""
    longest = max((Text(row.name).cell_len for row in rows), default=0)
    name = min(longest, _WIDEST_NAME, max(6, width // 3))
    words = max((len(_words(row, roomy=width >= _ROOMY)) for row in rows), default=0)
    left = width - 2 - name - 1 - 4 - (words + 1 if words else 0)
    bar = min(_WIDEST_BAR, left - 1)
    if bar < _NARROWEST_BAR:
        return _Widths(name, 0, words, 0)
    message = left - 1 - bar - 1
    if any(row.message for row in rows) and width >= _ROOMY:
        # Words are worth more than a long bar.
        bar = min(bar, max(_NARROWEST_BAR, bar // 2))
        message = left - 1 - bar - 1
    return _Widths(name, bar, words, max(0, message))


def _line(row: Row, widths: _Widths, width: int) -> Text:
    mark, style = _MARKS[row.state]
    name = Text(row.name, "bold")
    name.truncate(widths.name, overflow="ellipsis", pad=True)
    line = Text.assemble((f"{mark} ", style), name, " ")
    if widths.bar:
        line.append_text(_bar(row, widths.bar, style)).append(" ")
    # 0.57 * 100 is a little less than 57.
    line.append(f"{math.floor(row.progress * 100 + 1e-9):3}%")
    words = _words(row, roomy=width >= _ROOMY)
    if widths.words:
        line.append(f" {words:<{widths.words}}", "" if row.state == "running" else style)
    if widths.message > 1 and row.message:
        message = Text(f" {row.message}", "dim")
        message.truncate(widths.message, overflow="ellipsis")
        line.append_text(message)
    return _cropped(line, width)


def _bar(row: Row, width: int, style: str) -> Text:
    """Two kinds of line, so that it is read without colour too."""
    halves = math.floor(row.progress * width * 2 + 1e-9)
    done = "━" * (halves // 2) + "╸" * (halves % 2)
    return Text.assemble((done, style), ("─" * (width - len(done)), "dim"))


def _words(row: Row, *, roomy: bool) -> str:
    """What there is to say beside the percents: the state, unless it runs, or the pace."""
    if row.state != "running":
        attempt = f" (attempt {row.attempt})" if row.attempt > 1 and roomy else ""
        return f"{row.state}{attempt}"
    left = "" if row.pace.left is None else clock(row.pace.left)
    if not roomy:
        return left
    return " · ".join(filter(None, (row.pace.speed, f"{left} left" if left else "")))


def _cropped(line: Text, width: int) -> Text:
    line.truncate(max(1, width), overflow="ellipsis")
    return line
