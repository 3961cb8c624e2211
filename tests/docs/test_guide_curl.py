"""docs/guides/curl.md: every command prints what it says, and its tail loses nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Final

import httpx
import pytest

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from support.console import Console, shown_in
from support.documents import EXAMPLE, blocks, document, file_in
from support.live import Live, StartLive
from support.processes import Program
from support.requirements import needs
from support.scripted_server import HEAD, ScriptedServer
from support.tcp_proxy import TcpProxy
from support.waiting import DEADLINE, wait_until_blocking

GUIDE: Final = "docs/guides/curl.md"
SECRET: Final = "0123456789abcdef" * 2


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where its commands are run: with the files that it shows, and a quiet curl."""
    for program in ("curl", "jq"):
        needs(program)
    (tmp_path / "follow.sh").write_text(file_in(GUIDE, "follow.sh"))
    # On a terminal it draws no meter; here it would, for each.
    (tmp_path / ".curlrc").write_text("silent\n")
    return tmp_path


def test_every_command_prints_what_the_guide_shows(start_live: StartLive, directory: Path) -> None:
    (retention,) = re.findall(r"`STREAMER_RETENTION=([^`]+)`", document(GUIDE))
    live = start_live(STREAMER_RETENTION=retention)
    session = shown_in(GUIDE)
    assert len(session) > 20
    Console(directory, live.port).run(session)


@pytest.fixture
def quick(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, where a shell's `sleep` takes no time."""
    (directory / "sleep").symlink_to(needs("true"))
    monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)
    return directory


def followed(program: Program) -> list[dict[str, object]]:
    return [json.loads(line) for line in program.out.splitlines()]


def publish(live: Live, topic: str, n: int, event: str = "said") -> str:
    answer = httpx.post(f"{live.url}/api/v1/events", json={"topic": topic, "type": event, "n": n})
    return str(answer.raise_for_status().json()["id"])


def test_its_tail_prints_everything_once_wherever_it_is_cut_and_goes_on_where_it_was_stopped(
    live_server: Live, quick: Path, project: str
) -> None:
    topic = f"jobs/{project}"
    with TcpProxy(("127.0.0.1", live_server.port)) as proxy:
        address = f"{proxy.url}/api/v1/stream?topic={topic}&from=earliest"
        command = ["bash", "follow.sh", address, "cursor"]
        ids = [publish(live_server, topic, 0)]
        with Program(command, cwd=quick) as program:
            program.wait_for("caught_up")
            for cut in range(1, 200, 7):
                proxy.truncate(cut)
                ids.append(publish(live_server, topic, cut))
                program.wait_for(ids[-1] + '","type":"said"')
            # Killed between the two it would say the last one again, as the guide says.
            wait_until_blocking(
                lambda: (quick / "cursor").read_text() >= ids[-1], "the cursor was not kept"
            )
            first = followed(program)
        with Program(command, cwd=quick) as program:
            program.wait_for("caught_up")
            ids += [publish(live_server, topic, 1), publish(live_server, topic, 2, "completed")]
            assert program.wait() == 0
            second = followed(program)
    assert [body["id"] for body in first + second if "id" in body] == ids
    assert second[-1]["type"] == "end"
    assert proxy.accepted > 20, "it was not cut"


def test_its_tail_ends_where_all_was_said_and_gives_up_where_it_is_refused(
    live_server: Live, quick: Path, project: str
) -> None:
    publish(live_server, f"jobs/{project}", 1, "completed")
    stream = f"{live_server.url}/api/v1/jobs/{project}/stream?from=earliest"
    for command, code in ((f"{stream} a", 0), (f"{stream} a", 0), (f"{stream}&nonsense=1 b", 1)):
        address, file = command.split()
        with Program(["bash", "follow.sh", address, file], cwd=quick) as program:
            assert program.wait() == code, str(program)
            assert ("nonsense" in program.err) is bool(code)


def test_its_tail_comes_back_after_what_a_proxy_says_in_a_deploy(quick: Path) -> None:
    answers = [
        f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode() for status in (429, 502, 503)
    ]
    over = b"HTTP/1.1 204 No Content\r\n\r\n"
    frames = b'data: {"type":"a"}\nid: 7-0\n\ndata: {"type":"b"}\nid: 8-0\n'
    with (
        ScriptedServer(*answers, HEAD + frames, over) as server,
        Program(["bash", "follow.sh", server.url, "c"], cwd=quick) as program,
    ):
        assert program.wait() == 0
        assert followed(program) == [{"type": "a"}]
    assert "Last-Event-ID: 7-0\r\n" in server.requests[-1]


def test_the_exit_codes_are_those_of_curl(live_server: Live, directory: Path) -> None:
    told = re.findall(r"^\| ([\d, ]+) \|", document(GUIDE), re.MULTILINE)
    codes = {int(code) for code in re.findall(r"\d+", " ".join(told))}
    stream = f"{live_server.url}/api/v1/projects/demo/stream"

    def code(*arguments: str) -> int:
        command = [needs("curl"), "-sN", *arguments]
        return subprocess.run(
            command, cwd=directory, capture_output=True, timeout=DEADLINE, check=False
        ).returncode

    chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n"
    with ScriptedServer(chunk) as cut, ScriptedServer(b"") as empty:
        found = {
            code("-m", "0.5", stream): "time",
            code("-f", f"{stream}?nonsense=1"): "refused",
            code(cut.url): "cut",
            code(empty.url): "lost",
        }
    assert found == {28: "time", 22: "refused", 18: "cut", 52: "lost"}
    assert code(cut.url) == 7
    assert codes == {0, 7, 56, *found}


def test_a_token_in_a_file_of_options_is_presented(start_live: StartLive, directory: Path) -> None:
    live = start_live(STREAMER_AUTH_SECRET=SECRET)
    grants = Grants("7", subscribe=Patterns(["projects/*"]), publish=Patterns([]))
    environ = os.environ | {"STREAMER_TOKEN": Issuer(SECRET).issue(grants, 60)}
    (commands,) = blocks(GUIDE, "sh")
    script = commands.replace(EXAMPLE, f"127.0.0.1:{live.port}").replace("-N", "-Nm 1 -i")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=directory,
        env=environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert "200 OK" in done.stdout, done
    assert (directory / "token.curl").stat().st_mode & 0o077 == 0
