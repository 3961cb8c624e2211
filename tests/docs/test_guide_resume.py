"""docs/guides/resume.md: its program counts each event once, wherever it is killed."""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from support.documents import blocks, document, file_in
from support.live import Live, StartLive
from support.processes import Program
from support.requirements import needs
from support.tcp_proxy import TcpProxy
from support.waiting import DEADLINE, wait_until_blocking

GUIDE: Final = "docs/guides/resume.md"

#: Runs the program, and dies as by SIGKILL before the statement of that number, or a commit.
_FATAL: Final = """
import os, runpy, sqlite3, sys

left = int(sys.argv.pop(1))

def count():
    global left
    left -= 1
    if left == 0:
        os._exit(9)

class Connection(sqlite3.Connection):
    def execute(self, *arguments):
        count()
        return super().execute(*arguments)

    def __exit__(self, *error):
        count()
        return super().__exit__(*error)

connect = sqlite3.connect
sqlite3.connect = lambda path: connect(path, factory=Connection)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0])
"""


@pytest.fixture
def totals(tmp_path: Path) -> Path:
    """The program, in a directory for its database."""
    program = tmp_path / "totals.py"
    program.write_text(file_in(GUIDE, "totals.py"))
    return program


def sell(live: Live, topic: str, count: int) -> str:
    sold = {"topic": topic, "type": "sold", "item": "tea", "count": count}
    answer = httpx.post(f"{live.url}/api/v1/events", json=sold).raise_for_status()
    return str(answer.json()["id"])


def rows(program: Path, table: str) -> list[Any]:
    """What is in a table of its database; nothing as long as there is none."""
    with sqlite3.connect(f"file:{program.parent}/totals.db?mode=ro", uri=True) as db:
        return db.execute(f"select * from {table}").fetchall()


def has(program: Path, table: str, expected: object) -> bool:
    try:
        return rows(program, table) == expected
    except sqlite3.OperationalError:
        return False


def test_each_event_is_counted_once_wherever_the_program_dies(
    live_server: Live, totals: Path, project: str
) -> None:
    """Before each of its statements and of its commits; the number of each day is another bit."""
    topic = f"shop/{project}"
    for bit in range(3):
        sell(live_server, topic, 1 << bit)
    fatal = totals.with_name("fatal.py")
    fatal.write_text(_FATAL)
    arguments: list[str | Path] = [totals, live_server.url, topic, totals.with_name("totals.db")]
    for statement in range(1, 9):
        done = subprocess.run(
            [sys.executable, fatal, str(statement), *arguments], timeout=DEADLINE, check=False
        )
        assert done.returncode == 9
    with Program([sys.executable, *arguments]):
        sell(live_server, topic, 1 << 3)
        wait_until_blocking(lambda: has(totals, "totals", [("tea", 0b1111)]), "it did not count")


def test_each_event_is_counted_once_over_cuts(
    start_live: StartLive, totals: Path, project: str
) -> None:
    live = start_live(STREAMER_RETRY_MS="100")
    topic, total = f"shop/{project}", 0
    with (
        TcpProxy(("127.0.0.1", live.port)) as proxy,
        Program(
            [sys.executable, str(totals), proxy.url, topic, str(totals.with_name("totals.db"))]
        ),
    ):
        for number in range(1, 5):
            sell(live, topic, number)
            total += number
            wait_until_blocking(
                lambda total=total: has(totals, "totals", [("tea", total)]),  # type: ignore[misc]
                "it did not count what came after the cut",
            )
            proxy.truncate(100)
    assert proxy.accepted > 1


@pytest.mark.parametrize("reason", ["trimmed", "reset"])
def test_a_gap_is_noted_once_and_what_is_kept_is_counted(
    start_live: StartLive, totals: Path, project: str, reason: str
) -> None:
    live = start_live(STREAMER_RETENTION_LENGTH="3", STREAMER_TAIL_EVENTS="0")
    topic = f"shop/{project}"
    ids = [sell(live, topic, 1) for _ in range(5)]
    cursor = ids[0] if reason == "trimmed" else "1-0"
    with sqlite3.connect(totals.with_name("totals.db")) as db:
        db.execute("create table cursors (topic text primary key, id text not null)")
        db.execute("insert into cursors values (?, ?)", (topic, cursor))
    command: list[str | Path] = [
        sys.executable,
        totals,
        live.url,
        topic,
        totals.with_name("totals.db"),
    ]
    for total in (3, 4):  # three are kept, and one more comes
        sell(live, topic, 1)
        with Program(command):
            wait_until_blocking(
                lambda total=total: has(totals, "totals", [("tea", total)]),  # type: ignore[misc]
                f"it never counted {total}",
            )
    gaps = rows(totals, "gaps")
    # Whoever comes from another log has lost that, and what this one no longer has.
    assert [told for _, _, told in gaps] == list(dict.fromkeys([reason, "trimmed"]))
    assert {after for after, _, _ in gaps} == {cursor}


def test_what_it_says_of_retention_is_so(live_server: Live) -> None:
    told = document(GUIDE)
    table = document("docs/SETTINGS.md")
    assert re.search(r"`STREAMER_RETENTION_LENGTH` \| `1000`", table)
    assert re.search(r"`STREAMER_RETENTION_AGE` \| `86400`", table)
    assert "`STREAMER_RETENTION_LENGTH`, 1000" in told
    (command,) = blocks(GUIDE, "sh")
    address = f"127.0.0.1:{live_server.port}"
    curl = shlex.split(command.replace("localhost:8000", address))
    done = subprocess.run(
        [needs("curl"), "-sf", *curl[1:]], capture_output=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 0, done
