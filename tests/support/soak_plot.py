"""A soak as a picture: a line for each measure, as SVG that is legible on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from .soak_samples import MEASURES, Samples

_WIDTH: Final = 760
_LEFT: Final = 8
_RIGHT: Final = 92
_PANEL: Final = 96  #: of a measure, its title included
_TITLE: Final = 22
_FOOT: Final = 44

_STYLE: Final = """\
  <style>
    text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #57606a }
    .title { font-weight: 600; fill: #1f2328 }
    .value { font-variant-numeric: tabular-nums }
    .line { fill: none; stroke: #1f883d; stroke-width: 1.5; stroke-linejoin: round }
    .axis { stroke: #d0d7de }
    .fault { stroke: #8c959f }
    @media (prefers-color-scheme: dark) {
      text { fill: #9198a1 }
      .title { fill: #f0f6fc }
      .line { stroke: #3fb950 }
      .axis { stroke: #3d444d }
      .fault { stroke: #6e7681 }
    }
  </style>"""


def render(samples: Samples) -> str:
    """Every measure over the minutes of the run, each from zero; below, when something broke."""
    end = max(at for points in samples.series.values() for at, _ in points)
    height = _PANEL * len(MEASURES) + _FOOT
    label = f"Memory, descriptors, keys and disk over {end / 60:.0f} minutes of faults and deploys"
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" aria-label="{label}">'
    )
    parts = [opening, _STYLE]
    for number, (name, measure) in enumerate(MEASURES.items()):
        top = number * _PANEL
        parts += _panel(top, measure.title, measure.unit, samples.series[name], end)
    top = _PANEL * len(MEASURES)
    parts += [
        f'  <line class="fault" x1="{_x(at, end):.1f}" y1="{top}" x2="{_x(at, end):.1f}" '
        f'y2="{top + 8}"/>'
        for at, _ in samples.faults
    ]
    parts += [
        _text("", _LEFT, top + 26, f"{len(samples.faults)} faults and deploys, a mark each"),
        _text("value", _WIDTH - _RIGHT, top + 26, f"{end / 60:.0f} min", end=True),
        "</svg>",
        "",
    ]
    return "\n".join(parts)


def _panel(
    top: int, title: str, unit: str, points: Sequence[tuple[float, float]], end: float
) -> list[str]:
    bottom, room = top + _PANEL - 12, _PANEL - _TITLE - 16
    most = max((value for _, value in points), default=0.0) or 1.0
    line = " ".join(f"{_x(at, end):.1f},{bottom - value / most * room:.1f}" for at, value in points)
    return [
        _text("title", _LEFT, top + 14, title),
        f'  <line class="axis" x1="{_LEFT}" y1="{bottom}" x2="{_WIDTH - _RIGHT}" y2="{bottom}"/>',
        f'  <polyline class="line" points="{line}"/>',
        _text("value", _WIDTH - _RIGHT + 8, top + _TITLE + 8, f"{most:,.0f} {unit}".rstrip()),
        _text("value", _WIDTH - _RIGHT + 8, bottom, "0"),
    ]


def _x(at: float, end: float) -> float:
    return _LEFT + at / end * (_WIDTH - _LEFT - _RIGHT)


def _text(kind: str, x: float, y: float, text: str, *, end: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ""
    name = f' class="{kind}"' if kind else ""
    return f'  <text{name} x="{x:.1f}" y="{y:.1f}"{anchor}>{escape(text)}</text>'
