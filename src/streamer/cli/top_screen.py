"""How all processes do, as a person sees it: numbers first, then who is behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from .amounts import number, size
from .bars import MARKS
from .plain import plain, short

#: The order of states, each with its colour.
_STATES: Final = {"live": "green", "replaying": "cyan", "lagging": "yellow"}
_JOB_STATES: Final = (
    *("queued", "running", "retrying", "stalled", "completed", "failed", "cancelled"),
)
#: Rows of topics and of readers that are shown.
_ROWS: Final = 5
#: Columns of a terminal that has room for what is needed less.
_ROOMY: Final = 72
_GAP: Final = 2


class Screen:
    """Draws the last sample, and says when there is no newer one."""

    def __init__(self) -> None:
        self._sample: Mapping[str, Any] = {}
        self._trouble = ""

    def take(self, sample: Mapping[str, Any]) -> None:
        """Show this one from now on."""
        self._sample, self._trouble = sample, ""

    def away(self, why: str) -> None:
        """Say why there is no newer one."""
        self._trouble = why

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it, no wider than there is room."""
        yield from self._parts(options.max_width)

    def _parts(self, width: int) -> Iterator[RenderableType]:
        sample = self._sample
        if not sample:
            return
        yield self._head(sample)
        yield from _facts(sample)
        if sample["topics"]:
            yield Text()
            yield _topics(sample["topics"])
        if sample["slowest"]:
            yield Text()
            yield _slowest(sample["slowest"], width)
        if len(sample["processes"]) > 1 and width >= _ROOMY:
            yield Text()
            yield _processes(sample["processes"])

    def _head(self, sample: Mapping[str, Any]) -> Text:
        count = len(sample["processes"])
        processes = "no server process" if not count else _count(count, "process", "es")
        versions = sorted({plain(each["version"]) for each in sample["processes"]})
        time = sample["at"][11:19]
        head = Text.assemble(
            ("streamer top", "bold"),
            f"  {processes}",
            (f" {', '.join(versions)}" if versions else "", "dim"),
            (f"  {time} UTC", "dim"),
        )
        if self._trouble:
            head.append(f"  {short(self._trouble)}", "bold yellow")
        return head


def _facts(sample: Mapping[str, Any]) -> Iterator[Text]:
    yield _line(
        "events",
        f"{_rate(sample['published'])} published, {_rate(sample['delivered'])} delivered, "
        f"{_rate(sample['replayed'])} replayed" + _gaps(sample["gaps"]),
    )
    yield _readers(sample)
    yield _jobs(sample)
    yield _log(sample)


def _readers(sample: Mapping[str, Any]) -> Text:
    states: Counter[str] = Counter()
    transports: Counter[str] = Counter()
    for transport, counts in sample["readers"].items():
        for state, count in counts.items():
            states[state] += count
            transports[transport] += count
    line = _line("readers", number(states.total()))
    for state, style in _STATES.items():
        if states[state]:
            line.append(f"  {number(states[state])} {state}", style)
    said = ", ".join(f"{number(count)} {plain(name)}" for name, count in transports.most_common())
    if said:
        line.append(f"  ({said})", "dim")
    if sample["lag_seconds"]:
        line.append(f"  {_seconds(sample['lag_seconds'])} behind at most", "yellow")
    return line


def _jobs(sample: Mapping[str, Any]) -> Text:
    jobs, by_state = sample["jobs"], sample["jobs"]["by_state"]
    line = _line("jobs", "" if by_state else "none")
    first = True
    for state in _JOB_STATES:
        if count := by_state.get(state):
            mark, style = MARKS[state]
            line.append("" if first else "  ")
            line.append(f"{mark} {number(count)} {state}", style)
            first = False
    if jobs["more"]:
        line.append(f"  of the newest {jobs['of']}", "dim")
    line.append(f"  {_count(sample['workers'], 'worker')}", "dim")
    return line


def _log(sample: Mapping[str, Any]) -> Text:
    processes = sample["processes"]
    if not processes:
        return _line("log", "answers")
    trips = [each["log_ms"] for each in processes if each["log_ms"] is not None]
    deaf = [each for each in processes if not each["log_up"]]
    line = _line("log", "")
    if deaf:
        line.append(f"not heard by {len(deaf)} of {len(processes)}", "bold red")
    else:
        line.append("heard by all", "green")
    if trips:
        line.append(f", {max(trips):.1f} ms away", "dim")
    if follow := sum(each["follows"] for each in processes):
        line.append(f"  {follow} with other settings than those that hold", "yellow")
    if draining := sum(each["draining"] for each in processes):
        line.append(f"  {draining} draining", "yellow")
    return line


def _topics(topics: Mapping[str, int]) -> Table:
    table = _table(("MOST READ", "left"), ("READERS", "right"))
    for topic, count in list(topics.items())[:_ROWS]:
        table.add_row(plain(topic), number(count))
    return table


def _slowest(readers: list[Mapping[str, Any]], width: int) -> Table:
    is_roomy = width >= _ROOMY
    columns = [("SLOWEST", "left"), ("BEHIND", "right"), ("EVENTS", "right"), ("TOPIC", "left")]
    if is_roomy:
        columns += [("WHO", "left"), ("WAITING", "right")]
    table = _table(*columns)
    for reader in readers[:_ROWS]:
        more = reader["topic_count"] - 1
        topic = short(reader["topics"][0]) if reader["topics"] else "-"
        events = reader["behind_events"]
        cells: list[Text | str] = [
            Text(f"{plain(reader['connection'])} {plain(reader['state'])}", _STATES["lagging"]),
            _seconds(reader["behind_seconds"]),
            "many" if events is None else number(events),
            f"{topic} +{more}" if more > 0 else topic,
        ]
        if is_roomy:
            cells += [short(reader["who"]), size(reader["pending"])]
        table.add_row(*cells)
    return table


def _processes(processes: list[Mapping[str, Any]]) -> Table:
    table = _table(
        ("PROCESS", "left"), ("READERS", "right"), ("PUBLISHED", "right"), ("DELIVERED", "right")
    )
    for each in processes[:_ROWS]:
        count = sum(sum(states.values()) for states in each["readers"].values())
        table.add_row(
            f"{short(each['host'])} {each['pid']}",
            number(count),
            _rate(each["published"]),
            _rate(each["delivered"]),
        )
    return table


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=None, padding=(0, _GAP, 0, 0), header_style="dim", pad_edge=False)
    for name, justify in columns:
        table.add_column(name, no_wrap=True, overflow="ellipsis", justify=justify)  # type: ignore[arg-type]
    return table


def _line(name: str, text: str) -> Text:
    return Text.assemble((f"{name:<9}", "dim"), text, overflow="ellipsis", no_wrap=True)


def _gaps(rate: float) -> str:
    return f", {_rate(rate)} gaps" if rate else ""


def _rate(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= _TEN or rate == int(rate) else f"{rate:.1f}/s"


_TEN: Final = 10


def _seconds(seconds: float) -> str:
    return f"{seconds:,.1f} s"


def _count(count: int, what: str, plural: str = "s") -> str:
    return f"{number(count)} {what}{'' if count == 1 else plural}"
