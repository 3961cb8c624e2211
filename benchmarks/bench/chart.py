"""A bar chart of the fan-out scenarios, as SVG that is legible on light and dark pages."""

from __future__ import annotations

from xml.sax.saxutils import escape

from .outcome import medians
from .results import Results
from .servers import SERVERS

_SCENARIOS = ("sse", "websocket", "sse-5000", "burst", "compressed")

_WIDTH = 760
_LABEL = 246  #: where bars begin
_BAR = 16
_BASELINE = 12.5  #: of the text beside a bar
_ROW = 24
_HEAD = 40  #: of a group
_SPACE = 22  #: between groups
_VALUE = 88  #: room for the number behind the longest bar

_STYLE = """\
  <style>
    text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #57606a }
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
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" aria-label="{label}">'
    )
    return "\n".join([opening, _STYLE, *parts, "</svg>", ""])


def _group(title: str, bars: list[tuple[str, float]], top: int) -> list[str]:
    longest = max(value for _, value in bars)
    scale = (_WIDTH - _LABEL - _VALUE) / longest
    parts = [
        _text("title", 0, top + 16, title),
        _text("", _WIDTH, top + 16, "deliveries/s, one core", end=True),
    ]
    y = top + _HEAD - 10
    for server, value in sorted(bars, key=lambda bar: -bar[1]):
        ours = " us" if server.startswith("streamer") else ""
        kind = ours or (" ceiling" if server == "bare" else "")
        width = max(1.0, value * scale)
        parts.append(
            f'  <rect class="bar{kind}" x="{_LABEL}" y="{y}" width="{width:.1f}" '
            f'height="{_BAR}" rx="3"/>'
        )
        parts.append(_text(ours, _LABEL - 10, y + _BASELINE, SERVERS[server].title, end=True))
        parts.append(_text(f"value{ours}", _LABEL + width + 8, y + _BASELINE, f"{value:,.0f}"))
        y += _ROW
    bottom = y - (_ROW - _BAR) + 4
    parts.append(
        f'  <line class="axis" x1="{_LABEL}" y1="{top + _HEAD - 14}" x2="{_LABEL}" y2="{bottom}"/>'
    )
    return parts


def _text(kind: str, x: float, y: float, text: str, *, end: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ""
    return f'  <text class="{kind.strip()}" x="{x:.1f}" y="{y:.1f}"{anchor}>{escape(text)}</text>'
