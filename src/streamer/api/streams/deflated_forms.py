"""The wire forms of streams over WebSocket, compressed: of each plain one there is one."""

from __future__ import annotations

from typing import Final

from ...wire.deflated import Deflated
from ...wire.form import Form
from .shared_windows import WINDOWS

_FORMS: Final[dict[Form, Deflated]] = {}


def deflated(frames: Form) -> Deflated:
    """The form that compresses `frames`, which is one of a few that there are."""
    found = _FORMS.get(frames)
    if found is None:
        found = _FORMS[frames] = Deflated(frames, WINDOWS)
    return found
