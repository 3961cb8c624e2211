"""PyPI ``httpx-sse``: httpx's read timeout of 5 s is set to more than two heartbeats."""

from collections.abc import Callable

import httpx
from httpx_sse import connect_sse


def follow(url: str, last: str, emit: Callable[[str | None, str], None]) -> None:
    headers = {"Last-Event-ID": last} if last else {}
    with (
        httpx.Client(timeout=httpx.Timeout(5, read=40)) as client,
        connect_sse(client, "GET", url, headers=headers) as source,
    ):
        for event in source.iter_sse():
            emit(event.id, event.data)
