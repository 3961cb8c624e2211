"""What processes run that help with a job: importable, so that it can be handed over."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamer


def tell(name: str, total: int = 4) -> int:
    """Tell of a job in every way; return what it knows of the job."""
    progress = streamer.progress()
    with progress.task(name, total=total) as task:
        for _ in range(total):
            task.advance()
    progress.log(f"{name} is done")
    return progress.attempt


def tell_all() -> object:
    """Fail once, after a checkpoint; then tell of the job in every way, also from a program."""
    progress = streamer.progress()
    if progress.last_checkpoint is None:
        progress.checkpoint({"page": 7})
        raise OSError("disk full")
    program, draw = progress.task("program"), progress.task("draw", total=2, unit="pages")
    with draw as task:
        for _ in range(2):
            task.advance()
        progress.send_held()  # while it is listed: how often it is reported is a matter of time
    progress.log("drawn")
    progress.partial({"pages": 2})
    progress.meta(codec="h264")
    code = "import streamer; p = streamer.progress(); p.log('in a program'); p.update(1.0)"
    with program:
        subprocess.run([sys.executable, "-c", code], env=progress.environ(), check=True)
    return progress.last_checkpoint


def assert_all_was_told(told: Sequence[Mapping[str, Any]]) -> None:
    """Of the bodies of that job's events."""
    log = [line["text"] for body in told if body["type"] == "log" for line in body["lines"]]
    assert log == ["drawn", "in a program"]
    assert [body["result"] for body in told if body["type"] == "partial"] == [{"pages": 2}]
    last = [body for body in told if body["type"] == "progress"][-1]
    assert (last["progress"], last["metadata"], last["attempt"]) == (1.0, {"codec": "h264"}, 2)
    listed = [task for body in told for task in body.get("tasks", [])]
    assert ("draw", "pages") in {(task["name"], task.get("unit")) for task in listed}
    assert (told[-1]["type"], told[-1]["result"]) == ("completed", {"page": 7})


def hang(path: str) -> None:
    """Be at work until the job is cancelled, and say so in a file."""
    progress = streamer.progress()
    progress.log("begun")
    try:
        with progress.task("hanging", total=10) as task:
            task.advance()
            while True:
                task.advance(0)
                threading.Event().wait(0.01)
    except streamer.JobCancelled:
        Path(path).write_text("cancelled", encoding="utf-8")


def log(text: str) -> None:
    """Log through the standard library."""
    logging.getLogger().addHandler(streamer.LogHandler())
    logging.getLogger("child").warning(text)
