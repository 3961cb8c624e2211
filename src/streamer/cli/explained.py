"""Names with what they are below them, where a terminal has no room for it beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

#: Columns below which there is no room: a name and a value take some 60 of them.
NARROW: Final = 120


def explained(things: Iterable[tuple[Text, str]]) -> RenderableType:
    """Each thing on a line, which is folded where it is too long, and its meaning below it."""
    lines: list[RenderableType] = []
    for thing, meaning in things:
        thing.overflow = "fold"
        lines += [thing, Padding(Text(meaning, style="dim"), (0, 0, 0, 2))]
    return Group(*lines)
