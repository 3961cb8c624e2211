"""PyPI ``requests-sse``."""

from collections.abc import Callable

from requests_sse import EventSource


def follow(url: str, last: str, emit: Callable[[str | None, str], None]) -> None:
    with EventSource(url, timeout=40, latest_event_id=last or None) as source:
        for event in source:
            emit(event.last_event_id, event.data or "")
