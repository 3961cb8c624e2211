"""PyPI ``sseclient-py``: a parser over the response of requests."""

from collections.abc import Callable

import requests
from sseclient import SSEClient


def follow(url: str, last: str, emit: Callable[[str | None, str], None]) -> None:
    headers = {"Last-Event-ID": last} if last else {}
    response = requests.get(url, headers=headers, stream=True, timeout=(5, 40))
    response.raise_for_status()
    for event in SSEClient(response.iter_content(None)).events():
        emit(event.id, event.data)
