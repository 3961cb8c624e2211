"""PyPI ``sseclient-py``: a parser over the response of requests."""

import json

import requests
from again import again
from sseclient import SSEClient


def read(url: str, last: list[str]) -> None:
    headers = {"Last-Event-ID": last[0]} if last[0] else {}
    response = requests.get(url, headers=headers, stream=True, timeout=(5, 40))
    response.raise_for_status()
    for event in SSEClient(response.iter_content(None)).events():
        print(json.dumps({"id": event.id, "data": event.data}), flush=True)
        last[0] = event.id or last[0]


again(read)
