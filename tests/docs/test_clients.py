"""docs/CLIENTS.md: its code runs as it is written, against a real server."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from support.live import StartLive
from support.requirements import needs
from support.waiting import LONG_DEADLINE

ROOT: Final = Path(__file__).parents[2]
CLIENTS: Final = (ROOT / "docs" / "CLIENTS.md").read_text(encoding="utf-8")
MODULE: Final = ROOT / "src" / "streamer" / "web" / "client" / "client.js"
SAID: Final = (
    "ada hello\n",
    "progress 0.5\ncompleted { url: '/files/8f3c.mp4' }\n",
)


@pytest.mark.parametrize("number", range(len(SAID)))
def test_the_javascript_does_what_is_said(
    start_live: StartLive, tmp_path: Path, number: int
) -> None:
    """Node.js imports from no server: the same module is taken from its file."""
    # Its own: other documents tell of the same topics.
    live_server = start_live()
    blocks = re.findall(r"```js run\n(.*?)```", CLIENTS, re.DOTALL)
    assert len(blocks) == len(SAID)
    code: str = blocks[number]
    assert "http://localhost:8000/client/client.js" in code
    code = code.replace("http://localhost:8000/client/client.js", MODULE.as_uri())
    if "close()" not in code:
        # Somebody who watches has no end; here there is one, once it was heard.
        code += '\nsubscription.on("said", () => setTimeout(() => client.close(), 0));'
        code += "\nconst kept = await fetch('http://localhost:8000/api/v1/events?topic=chats/42');"
        code += "\nconst { events } = await kept.json();"
        # Heard already; a position behind it alone would say nothing.
        code += "\nif (subscription.lastEventId >= events.at(-1).id) client.close();"
    code = code.replace("http://localhost:8000", live_server.url)
    script = tmp_path / "example.mjs"
    script.write_text(code)
    done = subprocess.run(
        [needs("node"), script], capture_output=True, text=True, timeout=LONG_DEADLINE, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = "".join(
        line
        for line in done.stdout.splitlines(keepends=True)
        if not line.startswith(("connecting", "replaying", "live", "waiting"))
    )
    assert shown == SAID[number]


def test_every_option_and_state_is_told() -> None:
    source = MODULE.read_text() + MODULE.with_name("subscription.js").read_text()
    options = set(re.findall(r"^ \* @property \{.*\} \[(\w+)\]", source, re.MULTILINE))
    states = re.findall(
        r'^ \* @typedef \{("connecting".*?)\} SubscriptionState', source, re.MULTILINE
    )
    options |= set(re.findall(r'"(\w+)"', states[0]))
    assert not {name for name in options if not re.search(rf"[`{{ ]{name}[`,}}]", CLIENTS)}
