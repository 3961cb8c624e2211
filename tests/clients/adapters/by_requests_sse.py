"""PyPI ``requests-sse``."""

import json

from again import again
from requests_sse import EventSource


def read(url: str, last: list[str]) -> None:
    with EventSource(url, timeout=40, latest_event_id=last[0] or None) as source:
        for event in source:
            print(json.dumps({"id": event.last_event_id, "data": event.data}), flush=True)
            last[0] = event.last_event_id or last[0]


again(read)
