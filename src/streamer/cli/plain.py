"""Text that a terminal shows and does not obey: whoever may publish must not move its cursor."""

from __future__ import annotations

from typing import Final

#: Characters of a field that are worth a line, or room beside the bars.
LONGEST: Final = 60
#: Turns the order of what follows, so that a name could look like another.
_BIDI: Final = (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF)
#: What a terminal obeys or ends a line at.
_CONTROLS: Final = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), *_BIDI, *range(0xD800, 0xE000)), "\ufffd"),
    **dict.fromkeys((0x09, 0x0A, 0x0D, 0x85, 0x2028, 0x2029), " "),
}


def plain(value: object) -> str:
    """`value` as text, each character that is not to be seen replaced."""
    return str(value).translate(_CONTROLS)


def short(value: object) -> str:
    """Likewise, and no longer than `LONGEST`."""
    text = plain(value if not isinstance(value, str) else value[: 2 * LONGEST])
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
