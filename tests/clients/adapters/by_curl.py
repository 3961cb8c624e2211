"""``curl -N``, as a shell script would use it: it runs curl again, from the last id it read."""

import json
import subprocess
import sys

from again import again


def read(url: str, last: list[str]) -> None:
    command = ["curl", "-N", "-s", "-S", "-f", "-H", f"Last-Event-ID: {last[0]}", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout is not None
        data = event_id = ""
        for line in curl.stdout:
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "data":
                data = value
            elif name == "id":
                event_id = value
            elif line == "\n" and data:
                print(json.dumps({"id": event_id, "data": data}), flush=True)
                last[0], data = event_id, ""
    if curl.returncode:
        sys.exit(curl.returncode)


again(read)
