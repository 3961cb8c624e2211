"""Why a server refused, for whoever typed the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config.redacted import message

if TYPE_CHECKING:
    from ..client import Refused


def why(error: Refused, token: str | None) -> str:
    """Say it, without the URLs in it; and how to say who one is, where nobody has."""
    if error.code == "unauthorized" and token is None:
        return "it asks who comes: give a token with --token, or STREAMER_TOKEN"
    return message(error.detail)
