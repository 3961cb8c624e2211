"""docs/CHATS.md does what it says."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Final

from support.live import Live
from support.requirements import needs

TEXT: Final = (Path(__file__).parents[2] / "docs" / "CHATS.md").read_text("utf-8")


def test_what_is_said_there_with_curl_is_listed(live_server: Live, project: str) -> None:
    """Each command is run as it stands there, but for the server and the conversation."""
    curl = needs("curl")
    blocks = re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    answers = []
    for command in "".join(blocks).splitlines():
        here = command.replace("localhost:8000", live_server.url).replace("/42/", f"/{project}/")
        shell = here.replace("curl ", f"{curl} -sSf ", 1)
        answers.append(subprocess.check_output(shell, shell=True, text=True))
    *_, listed = answers
    said = json.loads(listed)
    assert [(body["type"], body["username"]) for body in said["messages"]] == [
        ("reaction", "Ada"),
        ("message", "Ada"),
    ]
    assert json.loads(answers[0]) == {"id": said["messages"][1]["id"]}
