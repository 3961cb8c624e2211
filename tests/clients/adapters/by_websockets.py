"""PyPI ``websockets``: the same address, upgraded."""

import json
from collections.abc import Callable

from websockets.sync.client import connect


def follow(url: str, last: str, emit: Callable[[str | None, str], None]) -> None:
    resume = f"&last_event_id={last}" if last else ""
    with connect(url.replace("http", "ws", 1) + resume) as socket:
        for text in socket:
            body = json.loads(text)
            emit(body.get("id") or body.get("cursor"), str(text))
