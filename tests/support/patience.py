"""Libraries that tests ask servers with wait as long as the tests do, unless asked otherwise."""

from __future__ import annotations

from typing import Any

import httpx
import websockets.asyncio.client
import websockets.sync.client

from .waiting import DEADLINE


def _have_default(function: Any, name: str, value: float) -> None:  # noqa: ANN401 - any function
    defaults = function.__kwdefaults__
    assert name in defaults, f"{function.__qualname__} has no parameter {name!r} now"
    defaults[name] = value


# What httpx's functions and clients have where they are given none: 5 seconds, else.
for _part in ("connect", "read", "write", "pool"):
    setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, _part, DEADLINE)
for _connect in (websockets.asyncio.client.connect.__init__, websockets.sync.client.connect):
    _have_default(_connect, "open_timeout", DEADLINE)  # 10 seconds, else
