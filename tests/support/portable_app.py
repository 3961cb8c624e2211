"""The app as any other ASGI server would run it: without our protocol classes."""

from __future__ import annotations

from litestar import Litestar

from streamer.app import create_app
from streamer.config.settings import Settings


def create() -> Litestar:
    """Make the app that the environment describes: an ASGI factory."""
    return create_app(Settings.from_env())
