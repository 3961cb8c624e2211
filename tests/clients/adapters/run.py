"""Runs the adapters in Python that it is told on its standard input, a thread for each.

A line in is ``{"key", "client", "url", "once"}``, where `client` is the adapter's name. A line
out is ``{"key", "data"}`` for what the client handed on, or ``{"key", "does", "error"}`` when it
ended or raised. Then it is called again, as an application does; with `once` it is not.
"""

import importlib
import json
import sys
import time
from threading import Thread
from typing import Any


def say(line: dict[str, Any]) -> None:
    """Print one line, whole, whatever other threads print."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def run(key: str, client: str, url: str, *, once: bool) -> None:
    """Follow `url` with one adapter: ``follow(url, last, emit)``."""
    follow = importlib.import_module(client).follow
    last = ""

    def emit(cursor: str | None, data: str) -> None:
        nonlocal last
        say({"key": key, "data": data})
        last = cursor or last

    while True:
        try:
            follow(url, last, emit)
        except Exception as error:
            say({"key": key, "does": "raises", "error": f"{type(error).__name__}: {error}"})
        else:
            say({"key": key, "does": "ends", "error": ""})
        if once:
            return
        time.sleep(0.1)


if __name__ == "__main__":
    for line in sys.stdin:
        Thread(target=run, kwargs=json.loads(line), daemon=True).start()
