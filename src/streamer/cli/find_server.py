"""Which server a command talks to, if nobody says."""

from __future__ import annotations

import os
from typing import Final

from ..config.settings import SETTINGS, Settings
from .announced import announced

#: Where one of these is set, a server of that address is meant, not the one that runs here.
_SAY_WHERE: Final = ("host", "port")


def server_url(settings: Settings) -> str:
    """The server at --url; else the one that runs on the data directory; else host and port."""
    if settings.url is None and not any(os.environ.get(SETTINGS[n].variable) for n in _SAY_WHERE):
        running = announced(settings.data_dir)
        if running is not None and not running.orphaned:
            return running.url
    return settings.base_url
