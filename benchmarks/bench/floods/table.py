"""The table of what floods cost, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import FLOODS
from .measure import Cost

_MB = 1_000_000


def render(found: Mapping[str, Cost], before: Mapping[str, Cost]) -> str:
    """A row for each flood that was measured; with `before`, each figure as before → now."""
    lines = [
        "| flood | rate | p99 | new readers | memory | CPU | what the flooder gets |",
        "|---|---:|---:|---:|---:|---:|---|",
        *(_row(name, now, before.get(name)) for name, now in found.items()),
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, now: Cost, then: Cost | None) -> str:
    def cell(text: Callable[[Cost], str], unit: str = "") -> str:
        return f"{text(now)}{unit}" if then is None else f"{text(then)} → {text(now)}{unit}"

    flood = FLOODS[name]
    cells = [
        flood.title.format(n=f"{flood.count:,}"),
        cell(lambda cost: f"{cost.ratio:.2f}"),
        cell(lambda cost: f"{cost.wait_flooded * 1000:,.0f}", " ms"),
        cell(lambda cost: f"{cost.fresh}/{cost.fresh_of}"),
        cell(lambda cost: f"{cost.memory / _MB:,.0f}", " MB"),
        cell(lambda cost: f"{cost.cpu_flooded:.2f}"),
        cell(_got),
    ]
    return f"| {' | '.join(cells)} |"


def _got(cost: Cost) -> str:
    said = []
    for what, count in sorted(cost.got.items()):
        if not count:
            continue
        if what.startswith("kB "):
            said.append(f"{count / 1000:,.1f} MB{what.removeprefix('kB')}")
        else:
            said.append(f"{count:,} \N{MULTIPLICATION SIGN} {what}")
    return ", ".join(said) or "nothing"
