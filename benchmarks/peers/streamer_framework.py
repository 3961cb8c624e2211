"""Streamer with every request left to the framework: what its front saves."""

from __future__ import annotations

from streamer.api.front import Front
from streamer.config.settings import Settings
from streamer.server.server import serve

Front._plain = lambda _self, _scope: None  # type: ignore[method-assign]  # noqa: SLF001
serve(Settings.from_env())
