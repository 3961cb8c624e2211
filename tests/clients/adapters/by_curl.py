"""``curl -N``, as a shell script would use it: it runs curl again, from the last id it read."""

import subprocess
from collections.abc import Callable


def follow(url: str, last: str, emit: Callable[[str | None, str], None]) -> None:
    resume = ["-H", f"Last-Event-ID: {last}"] if last else []
    command = ["curl", "-N", "-s", "-S", "-f", "--compressed", *resume, url]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as curl:
        assert curl.stdout is not None
        data = event_id = ""
        for line in curl.stdout:
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "data":
                data = value
            elif name == "id":
                event_id = value
            elif line == "\n" and data:
                emit(event_id, data)
                data = ""
        assert curl.stderr is not None
        said = curl.stderr.read()
    if curl.returncode:
        raise ConnectionError(said)
