"""PyPI ``websockets``: the same address, upgraded."""

import json

from again import again
from websockets.sync.client import connect


def read(url: str, last: list[str]) -> None:
    query = f"&last_event_id={last[0]}" if last[0] else ""
    with connect(url.replace("http", "ws", 1) + query) as socket:
        for text in socket:
            body = json.loads(text)
            print(json.dumps({"id": body.get("id"), "data": text}), flush=True)
            last[0] = body.get("id") or body.get("cursor") or last[0]


again(read)
