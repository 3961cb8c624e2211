"""Events on a terminal: a bar for each job at work, and a line for everything else."""

from __future__ import annotations

import contextlib
import math
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple, Self

from rich.console import Console, ConsoleOptions, Group
from rich.live import Live
from rich.text import Text

from ..client import Event
from .echo import no_echo
from .pace import TIMES, clock
from .shown_jobs import Line, Row, ShownJobs

#: The mark and the colour of a line, or of a job's state; the word says the same.
MARKS: Final = {
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
ASCII: Final = str.maketrans(f"▸·↻!✓✗⊘…■○━╸─{TIMES}", ">.~!+xo.#o=>-x")
#: Bars at most, beside some lines; the rest is counted in one line.
MAX_BARS: Final = 16
#: Columns of a bar, at least and at most, and of the names beside it.
_NARROWEST_BAR: Final = 6
_WIDEST_BAR: Final = 40
_WIDEST_NAME: Final = 32
#: Columns of the names' that have room for ids as they are, and what else is shown of them.
_ROOM_FOR_IDS: Final = 20
_SHORT_ID: Final = 4
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
    """Show events on a terminal; `what` says of what, and from where."""

    #: Nobody leaves a terminal without a signal.
    left = False

    def __init__(self, what: str, console: Console | None = None) -> None:
        self._console: Final = console or Console(highlight=False)
        self._jobs: Final = ShownJobs()
        self._waiting: Final = f"nothing at work: {what}"
        self._trouble = f"connecting to {what}"
        self._over = False
        self._stack: Final = contextlib.ExitStack()
        self._lock: Final = threading.Lock()
        self._live: Final = Live(
            console=self._console,
            get_renderable=self._rows,
            refresh_per_second=_FRAMES,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._stack.enter_context(no_echo())
        self._live.start()
        self._stack.callback(self._live.stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        # The last bars stay; if there are none, not even an empty line.
        self._live.transient = not self._jobs.rows
        self._stack.close()

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
        mark, style = MARKS[line.kind]
        # The day is the reader's, as everything else on the screen.
        time = "" if line.time is None else f"{line.time.astimezone():%H:%M:%S} "
        text = Text.assemble(
            (time, "dim"), (f"{mark} ", style), (line.name, "bold"), " " if line.name else ""
        )
        text.append(line.text, "" if line.kind == "event" else style)
        self._console.print(self._encodable(text))

    def _encodable(self, text: Text) -> Text:
        if self._console.options.ascii_only:
            text.plain = text.plain.translate(ASCII)
        return text

    def _rows(self) -> Group:
        """All that is drawn again and again: never wider nor higher than the terminal."""
        options = self._console.options
        with self._lock:
            lines = list(self._lines(options))
        return Group(*map(self._encodable, lines))

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
        if self._over:
            return
        if self._trouble:
            mark, style = MARKS["connection"]
            yield _cropped(Text(f"{mark} {self._trouble}", style), width)
        elif not rows:
            yield _cropped(Text(self._waiting, "dim"), width)


def _widths(rows: list[Row], width: int) -> _Widths:
    """Divide the terminal: the bar has what the name and the words leave, within limits."""
    most = min(_WIDEST_NAME, max(6, width // 3))
    name = min(max((Text(row.full_name).cell_len for row in rows), default=0), most)
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
    mark, style = MARKS[row.state]
    line = Text.assemble((f"{mark} ", style), _name(row, widths.name), " ")
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


def _name(row: Row, width: int) -> Text:
    """What it does and which one it is, of which a narrow terminal shows the beginnings."""
    fits = width >= _ROOM_FOR_IDS or Text(row.full_name).cell_len <= width
    which = row.id if fits else row.id[:_SHORT_ID]
    name = Text(row.name, "bold")
    if which:
        name.truncate(max(1, min(name.cell_len, width - len(which) - 1)), overflow="ellipsis")
        name.append(f" {which}", "dim not bold")
    name.truncate(width, overflow="ellipsis", pad=True)
    return name


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
