"""docs/NOTIFICATIONS.md does what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from click.testing import CliRunner

from streamer.cli import main
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN
from support.live import StartLive
from support.requirements import needs
from support.servers import Server
from support.waiting import LONG_DEADLINE

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = (ROOT / "docs" / "NOTIFICATIONS.md").read_text("utf-8")


async def test_what_is_notified_there_reaches_whom_it_says(
    redis_server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMER_REDIS_URL", redis_server.url)
    monkeypatch.setenv("STREAMER_PREFIX", prefix)
    code, _ = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "NOTIFICATIONS.md", "exec"), names)
    names["publisher"].close()
    log = RedisEventLog(redis_server.url, prefix=prefix)
    told = {
        topic: [event.type for event in (await log.read([topic], ORIGIN, 10)).events]
        for topic in ("users/7", "admin", "system")
    }
    await log.close()
    of_transcodes = ["transcode_progress", "transcode_complete", "transcode_failed"]
    assert told == {
        "users/7": [*of_transcodes, "invited"],
        "admin": of_transcodes,
        "system": ["system_message"],
    }


def test_what_a_shell_notifies_there_is_printed_with_its_id(
    redis_server: Server, prefix: str
) -> None:
    environ = {"STREAMER_REDIS_URL": redis_server.url, "STREAMER_PREFIX": prefix}
    lines = re.findall(r"^streamer (notify .*)$", TEXT, re.MULTILINE)
    results = [CliRunner().invoke(main, shlex.split(line), env=environ) for line in lines]
    assert [result.exit_code for result in results] == [0] * 4
    ids = [result.output.strip() for result in results]
    assert ids == sorted(set(ids))


def test_the_javascript_counts_what_is_unread(start_live: StartLive, tmp_path: Path) -> None:
    """Node.js imports from no server: the same modules are taken from their files."""
    live = start_live()
    for _ in range(2):
        said = {"topic": "chats/42", "type": "message", "text": "hello"}
        httpx.post(f"{live.url}/api/v1/events", json=said).raise_for_status()
    (code,) = re.findall(r"^```js run\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    modules = (ROOT / "src" / "streamer" / "web" / "client").as_uri()
    code = code.replace("http://localhost:8000/client", modules)
    code = code.replace("http://localhost:8000", live.url)
    # Somebody who reads has no end; here there is one, once it was marked.
    script = tmp_path / "example.mjs"
    script.write_text(f"{code}\ntopic.close();\nclient.close();\n")
    done = subprocess.run(
        [needs("node"), script], capture_output=True, text=True, timeout=LONG_DEADLINE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "unread: 0"
    cursor = httpx.get(f"{live.url}/api/v1/topics/chats/42/cursor?reader=ada").json()
    assert cursor["unread"] == 0
