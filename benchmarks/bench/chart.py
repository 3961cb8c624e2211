"""A bar chart of the fan-out scenarios, as SVG that is legible on light and dark pages."""

from __future__ import annotations

from xml.sax.saxutils import escape

from .outcome import medians
from .results import Results
from .servers import SERVERS

_SCENARIOS = ("sse", "websocket", "sse-5000", "burst")

_WIDTH = 760
_LABEL = 232  #: where bars begin
_BAR = 16
_ROW = 24
_HEAD = 40  #: of a group
_SPACE = 22  #: between groups
_VALUE = 76  #: room for the number behind the longest bar

_STYLE = """\
  <style>
    text { font: 13px ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #57606a }
    .title { font-weight: 600; font-size: 14px; fill: #1f2328 }
    .us { font-weight: 600; fill: #1f2328 }
    .value { font-variant-numeric: tabular-nums }
    .bar { fill: #b6bec8 }
    .bar.us { fill: #1f883d }
    .bar.ceiling { fill: none; stroke: #8c959f; stroke-dasharray: 3 3 }
    .axis { stroke: #d0d7de }
    @media (prefers-color-scheme: dark) {
      text { fill: #9198a1 }
      .title, .us { fill: #f0f6fc }
      .bar { fill: #4a525c }
      .bar.us { fill: #3fb950 }
      .bar.ceiling { stroke: #6e7681 }
      .axis { stroke: #3d444d }
    }
  </style>"""


def render(results: Results) -> str:
    """One group of bars for each scenario measured, deliveries a second."""
    groups = []
    for scenario, measured in results.known():
        found = medians(measured.runs)
        bars = [
            (server, found[server]["per_second"])
            for server in scenario.servers
            if "per_second" in found.get(server, {})
        ]
        if scenario.name in _SCENARIOS and bars:
            groups.append((scenario.title, bars))
    parts: list[str] = []
    top = 4
    for title, bars in groups:
        parts += _group(title, bars, top)
        top += _HEAD + _ROW * len(bars) + _SPACE
    height = max(top - _SPACE + 4, 40)
    label = "Deliveries a second on one core, by server and scenario"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}" role="img" aria-label="{label}">',
            _STYLE,
            *parts,
            "</svg>",
            "",
        ]
    )


def _group(title: str, bars: list[tuple[str, float]], top: int) -> list[str]:
    longest = max(value for _, value in bars)
    scale = (_WIDTH - _LABEL - _VALUE) / longest
    parts = [
        f'  <text class="title" x="0" y="{top + 16}">{escape(title)}</text>',
        f'  <text x="{_WIDTH}" y="{top + 16}" text-anchor="end">deliveries/s, one core</text>',
    ]
    y = top + _HEAD - 10
    for server, value in sorted(bars, key=lambda bar: -bar[1]):
        ours = " us" if server.startswith("streamer") else ""
        kind = ours or (" ceiling" if server == "bare" else "")
        width = max(1.0, value * scale)
        middle = y + _BAR - 3.5
        parts += [
            f'  <text class="{ours.strip()}" x="{_LABEL - 10}" y="{middle}" '
            f'text-anchor="end">{escape(SERVERS[server].title)}</text>',
            f'  <rect class="bar{kind}" x="{_LABEL}" y="{y}" width="{width:.1f}" '
            f'height="{_BAR}" rx="3"/>',
            f'  <text class="value{ours}" x="{_LABEL + width + 8:.1f}" y="{middle}">'
            f"{value:,.0f}</text>",
        ]
        y += _ROW
    bottom = top + _HEAD - 10 + _ROW * len(bars) - (_ROW - _BAR)
    parts.append(
        f'  <line class="axis" x1="{_LABEL}" y1="{top + _HEAD - 14}" x2="{_LABEL}" '
        f'y2="{bottom + 4}"/>'
    )
    return parts
