"""PyPI ``httpx-sse``: httpx's read timeout of 5 s is set to more than two heartbeats."""

import json

import httpx
from again import again
from httpx_sse import connect_sse


def read(url: str, last: list[str]) -> None:
    headers = {"Last-Event-ID": last[0]} if last[0] else {}
    with (
        httpx.Client(timeout=httpx.Timeout(5, read=40)) as client,
        connect_sse(client, "GET", url, headers=headers) as source,
    ):
        for event in source.iter_sse():
            print(json.dumps({"id": event.id, "data": event.data}), flush=True)
            last[0] = event.id


again(read)
