"""One line of the log for everybody who was refused, or whose access ended, or who deleted."""

from __future__ import annotations

import json
import logging
import re
from typing import Final, Literal

_logger: Final = logging.getLogger("streamer.access")

#: What can happen.
Happening = Literal["refused", "expired", "revoked", "refreshed", "deleted", "retained"]

#: Values that need no quotes: no space, no quote, no escape, nothing that ends a line.
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~:/@+\[\]-]+")
#: Characters of a value; the rest of it is left out.
_LONGEST: Final = 200


def audit(event: Happening, **fields: str) -> None:
    """Log that `event` happened, with `fields` in their order; those that are empty are left out.

    Names are ours; values are anybody's. A value that is more than a word is in quotes
    and in ASCII, as JSON has it: whatever is in it, it neither ends the line nor looks
    like another field, and moves no terminal's cursor. A token is in none of them.
    """
    words = [f"event={event}", *(f"{name}={_shown(text)}" for name, text in fields.items() if text)]
    known = {"event": event, **{name: text for name, text in fields.items() if text}}
    _logger.info(" ".join(words), extra={"fields": known})


def _shown(text: str) -> str:
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "..."
    if _PLAIN.fullmatch(text):
        return text
    return json.dumps(text).replace("\x7f", "\\u007f")
