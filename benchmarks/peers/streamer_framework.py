"""Streamer with every request left to the framework: what answering before it saves."""

from __future__ import annotations

from streamer.api.front import Front
from streamer.api.promptly import Promptly
from streamer.config.settings import Settings
from streamer.server.server import serve

Front._plain = lambda _self, _scope: None  # type: ignore[method-assign]  # noqa: SLF001
Promptly.__call__ = lambda *_: False  # type: ignore[method-assign]
serve(Settings.from_env())
