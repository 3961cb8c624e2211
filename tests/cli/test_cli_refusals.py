"""What cannot be used is told in one sentence: no command ends with a traceback."""

from __future__ import annotations

import errno
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamer.cli import main
from streamer.cli.announced import announcing
from streamer.cli.banner import watch_command
from streamer.cli.directories import make_directories
from streamer.cli.listen import why_not_bindable
from streamer.config.settings import Settings
from support.certificate import Authority
from support.live import Live, StartLive
from support.ports import free_port
from support.processes import Program, streamer
from support.scripted_server import HEAD, ScriptedServer
from support.waiting import DEADLINE

TOO_LONG = "x" * 300
#: Where none is; what is tried here is refused before that matters.
REDIS = "redis://127.0.0.1:1"


def call(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env={"COLUMNS": "1000", **environ})


def said(result: Result) -> str:
    return " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("directory", "why"),
    [
        ("/sys", "/sys cannot be used:"),
        ("/sys/below", "/sys/below cannot be used:"),
        ("/proc/below", "/proc/below cannot be used:"),
        ("file", "file cannot be used: it is not a directory"),
        ("file/below", "below cannot be used: it is not a directory"),
        ("loop", "loop cannot be used: it is not a directory"),
        ("dangling", "dangling cannot be used: it is not a directory"),
        (TOO_LONG, "cannot be used: File name too long"),
        ("/dev/null", "/dev/null cannot be used: it is not a directory"),
    ],
)
def test_a_directory_that_cannot_be_used_is_told_with_how_to_choose_another(
    directory: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("loop").symlink_to("loop")
    Path("dangling").symlink_to("nowhere/at/all")
    result = call("run", "--port", "0", "--data-dir", directory)
    assert result.exit_code == 1
    assert why in said(result)
    assert "--data-dir or STREAMER_DATA_DIR" in said(result)
    for name in ("STREAMER_MEDIA_DIR", "STREAMER_OUTPUT_DIR"):
        other = call("run", "--port", "0", "--data-dir", "data", **{name: directory})
        assert other.exit_code == 1
        assert f"with {name}" in said(other)
        worker = call("worker", "--redis-url", "redis://127.0.0.1:1", **{name: directory})
        assert worker.exit_code == 1
        assert why in said(worker)
    checked = call("check", "--port", "0", "--data-dir", directory)
    assert checked.exit_code == 1
    (line,) = (line for line in checked.output.splitlines() if "Data directory" in line)
    assert line.startswith("✗")


def test_the_port_that_is_suggested_is_free(tmp_path: Path) -> None:
    """The next one may be taken too."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), socket.socket() as second:
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            second.bind(("127.0.0.1", port + 1))
            second.listen()
        except OSError:
            pass  # somebody else has it: as good
        result = call(
            *("serve", "--port", str(port), "--data-dir", str(tmp_path)),
            *("--redis-url", "redis://127.0.0.1:1"),
        )
        assert result.exit_code == 1
        suggested = said(result).partition("--port ")[2].partition(",")[0]
        assert int(suggested) > port + 1
        assert why_not_bindable("127.0.0.1", int(suggested)) is None


@pytest.mark.parametrize(
    ("number", "place", "why"),
    [
        (errno.EACCES, ("127.0.0.1", 80), "Port 80 is for root only. Choose one above 1023"),
        (errno.EACCES, ("127.0.0.1", 8123), "port 8123: Permission denied"),
        (errno.EADDRNOTAVAIL, ("192.0.2.1", 0), "192.0.2.1 is not an address of this machine"),
        (errno.EMFILE, ("127.0.0.1", 0), "Too many open files"),
    ],
)
def test_why_nobody_can_listen_there_is_told(
    number: int,
    place: tuple[str, int],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create = socket.create_server

    def refuse(address: tuple[str, int], **options: object) -> socket.socket:
        if address == place:
            raise OSError(number, os.strerror(number))
        return create(address, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_server", refuse)
    arguments = ("--host", place[0], "--port", str(place[1]), "--redis-url", REDIS)
    for command in ("serve", "run"):
        result = call(command, *arguments, "--data-dir", str(tmp_path), STREAMER_AUTH="none")
        assert result.exit_code == 1
        assert why in said(result)


@pytest.mark.parametrize("host", ["::g", "a..b", "no-such-host.invalid", "256.1.1.1"])
def test_a_host_that_is_none_is_told(host: str, tmp_path: Path) -> None:
    result = call(
        *("serve", "--host", host, "--port", "0", "--data-dir", str(tmp_path)),
        *("--redis-url", "redis://127.0.0.1:1"),
        STREAMER_AUTH="none",
    )
    assert result.exit_code == 1
    assert f"Cannot listen on {host}: its address is not known" in said(result)


@pytest.mark.parametrize(
    ("arguments", "why", "code"),
    [
        (("openapi", "/sys/x"), "/sys/x: ", 1),
        (("openapi", "/dev/null/x"), "/dev/null: ", 1),
        (("publish", "a", "b", '{"a":"\udcff"}'), "JSON is not a JSON object", 2),
        (("tail", "\udcff"), "is not a topic", 2),
        (("tail", "a", "--url", "http://xn--u"), "its host is malformed", 2),
        (("publish", "a", "b", "--url", "http://xn--u"), "its host is malformed", 2),
        (("check", "--port", "0", "--host", "xn--u"), "cannot be used on xn--u", 1),
        (("tail", "a", "--from", "\udcff"), "--from has an invisible character", 2),
        (
            ("publish", "a", "b", "--url", "http://127.0.0.1:1", "--key", "a\nb"),
            "--key must be visible",
            2,
        ),
        (
            ("publish", "a", "b", "--url", "https://127.0.0.1:1"),
            "answers at https://127.0.0.1:1",
            1,
        ),
        (("publish", "a", "b", "--url", "http://no.invalid"), "answers at http://no.invalid", 1),
        (("publish", "a", "b", "--redis-url", "redis://127.0.0.1:1"), "Redis cannot be reached", 1),
    ],
)
def test_what_is_refused_is_one_sentence(
    arguments: tuple[str, ...], why: str, code: int, tmp_path: Path
) -> None:
    result = call(*arguments, STREAMER_DATA_DIR=str(tmp_path))
    assert result.exit_code == code, result.output
    assert why in said(result)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "import nope",
            r"File \"\S*shop\.py\", line 1\s+import nope\s+ModuleNotFoundError: No module",
        ),
        ("def app(:", r"File \"\S*shop\.py\", line 1\s+def app\(:\s+\^\s+SyntaxError: "),
        ("raise ValueError('none')", r"File \"\S*shop\.py\", line 1\s+raise .*\s+ValueError: none"),
        ("app = 5", "shop:app is no ASGI app: it is of the type int"),
        ("", 'Attribute "app" not found in module "shop"'),
    ],
)
def test_an_app_of_yours_that_cannot_be_served_is_told_with_the_line_at_fault(
    text: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(f"{text}\n")
    with streamer("serve", "shop:app", "--redis-url", REDIS, "--port", "0", cwd=tmp_path) as served:
        assert served.wait() == 2
    assert re.search(why, served.err)
    assert "Traceback" not in served.err


def test_input_that_is_no_text_is_refused() -> None:
    result = CliRunner().invoke(main, ["publish", "a", "b", "-"], input=b'{"a":"\xff"}')
    assert result.exit_code == 2
    assert "JSON is not a JSON object" in result.output


@pytest.mark.parametrize("arguments", ["openapi", "check --port 0", "--help"])
def test_nobody_who_reads_the_output_and_a_full_disk_are_no_tracebacks(arguments: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m streamer {arguments}"
    for shell, code in ((f"{command} | true", 0), (f"{command} > /dev/full", 1)):
        done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert "Traceback" not in done.stderr
        assert ("No space left" in done.stderr) == bool(code)


@pytest.mark.parametrize("read", [0, 1], ids=["nothing", "the beginning"])
@pytest.mark.parametrize("arguments", ["--help", "relay --help"])
def test_of_a_help_that_nobody_reads_on_nothing_is_said(arguments: str, read: int) -> None:
    near, far = os.pipe()
    # As a user's is, and not as a test's may be: what is written waits for more.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "streamer", *arguments.split()]
    process = subprocess.Popen(command, stdout=far, stderr=subprocess.PIPE, env=environ)
    os.close(far)
    os.read(near, read)
    os.close(near)
    _, said_of_it = process.communicate(timeout=DEADLINE)
    assert said_of_it == b""


def test_a_tail_that_cannot_reach_its_server_names_it(tmp_path: Path) -> None:
    environ = {"STREAMER_DATA_DIR": str(tmp_path), "STREAMER_URL": "http://u:hunter2@127.0.0.1:1"}
    with streamer("tail", "a", environ=environ) as program:
        program.wait_for(
            r"^nothing listens at http://\*\*\*@127.0.0.1:1: is `streamer run` running\? Trying"
        )
        program.signal(signal.SIGINT)
        assert program.wait() == 130
    assert "hunter2" not in program.err
    assert "Traceback" not in program.err


#: Stops the first import of a module of ours until a signal comes.
SLOW_IMPORT = """
import signal, sys
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "rich_click":
            print("importing", flush=True)
            signal.pause()
sys.meta_path.insert(0, Slow())
"""


def test_a_ctrl_c_while_it_is_still_starting_shows_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW_IMPORT)
    with streamer("tail", "a", environ={"PYTHONPATH": str(tmp_path)}) as program:
        program.wait_for("importing")
        program.signal(signal.SIGINT)
        assert program.wait() == -signal.SIGINT
    assert program.err == ""


def test_whoever_has_no_token_is_told_where_a_command_takes_one(start_live: StartLive) -> None:
    live = start_live(STREAMER_AUTH_SECRET="0123456789abcdef" * 2)
    for command in (
        "tail a",
        "tail a --ws",
        "publish a b",
        "notify 7 invited",
        "jobs",
        "jobs cancel j",
        "topics",
        "top --once",
    ):
        result = call(*command.split(), "--url", live.url)
        assert result.exit_code == 1
        assert "it asks who comes: give a token with --token, or STREAMER_TOKEN" in said(result)
    result = call("publish", "a", "b", "--url", live.url, "--token", "none")
    assert "the token is not three parts" in said(result)


def test_whoever_forgets_the_tls_of_a_server_is_told(tmp_path: Path) -> None:
    certificate = Authority(tmp_path).issue()
    arguments = ("--tls-cert", certificate.chain, "--tls-key", certificate.key)
    with streamer("serve", "--port", "0", "--redis-url", REDIS, *arguments) as served:
        port = served.wait_for(r"Serving at https://localhost:(\d+)")[1]
        result = call("tail", "a", "--url", f"http://127.0.0.1:{port}")
    assert result.exit_code == 1
    assert "this port speaks TLS: ask by https or wss" in said(result)


def test_the_command_of_the_banner_works_wherever_it_is_pasted(
    live_server: Live, tmp_path: Path
) -> None:
    command = watch_command(Settings(port=live_server.port))
    program, *arguments = shlex.split(command)
    assert program == "streamer"
    with streamer(*arguments, "--from", "earliest", cwd=tmp_path) as tail:
        topic = arguments[1]
        with streamer("publish", topic, "note", "--url", live_server.url) as published:
            assert published.wait() == 0
        tail.wait_for(published.out.strip())


def test_an_address_that_a_shell_would_take_for_a_pattern_is_quoted() -> None:
    assert watch_command(Settings(host="::1")).endswith("--url 'http://[::1]:8000'")


def test_tail_and_publish_find_the_server_of_the_data_directory(
    live_server: Live, tmp_path: Path, project: str
) -> None:
    """Without a word about its port, as where `streamer run` was started."""
    topic = f"projects/{project}"

    def here(*arguments: str, **environ: str) -> Program:
        return streamer(*arguments, cwd=tmp_path, environ=environ)

    (tmp_path / "data").mkdir()
    with announcing(tmp_path / "data", live_server.url):
        with here("publish", topic, "completed", '{"task_name":"t"}') as published:
            assert published.wait() == 0
        with here("tail", topic, "--from", "earliest", "--until", "end") as tail:
            assert tail.wait() == 0
        assert published.out.strip() in tail.out
        # An address that was said is meant.
        elsewhere = str(free_port())
        with here("publish", topic, "note", STREAMER_PORT=elsewhere) as published:
            assert published.wait() == 1
        assert f"http://127.0.0.1:{elsewhere}" in published.err
    with here("publish", topic, "note", STREAMER_PORT=elsewhere) as published:
        assert published.wait() == 1


@pytest.mark.parametrize("command", ["run", "serve", "worker"])
def test_a_variable_that_is_no_setting_is_told_at_the_start(command: str, tmp_path: Path) -> None:
    """It was set in vain; once, whatever else is started."""
    environ = {
        "STREAMER_PROT": "9000",
        "STREAMER_DATA_DIR": str(tmp_path),
        "STREAMER_REDIS_URL": REDIS,
    }
    arguments = () if command == "worker" else ("--port", "0")
    with streamer(command, *arguments, environ=environ) as program:
        program.wait_for("running jobs" if command == "worker" else "Notifications are interrupted")
        assert program.stop() == 0
    line = "STREAMER_PROT is not a setting; did you mean STREAMER_PORT?"
    assert program.err.splitlines().count(line) == 1


def test_what_others_may_share_is_theirs_to_reach(tmp_path: Path) -> None:
    """Whoever reaches the embedded log's socket owns the log; videos come from anybody."""
    settings = Settings(data_dir=tmp_path / "data", media_dir=tmp_path / "media")
    make_directories(settings, ("data_dir", "media_dir", "output_dir"))
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700 & ~mask
    assert (tmp_path / "media").stat().st_mode & 0o777 == 0o777 & ~mask
    assert (tmp_path / "data" / "output").is_dir()


def answer(status: str, body: bytes = b"<html>") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\n".encode() + (
        b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
    )


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (answer("200 OK"), "the server answered text/html, not an event stream"),
        (answer("401 Unauthorized"), "the server answered 401"),
        (answer("403 Forbidden", b'{"detail":"not for you"}'), "not for you"),
        (answer("404 Not Found"), "the server answered 404"),
        (answer("405 Method Not Allowed", b"[]"), "the server answered 405"),
    ],
    ids=["200", "401", "403", "404", "405"],
)
def test_what_is_no_streamer_is_told_by_its_url(script: bytes, why: str) -> None:
    """At once: another try would be answered the same."""
    with ScriptedServer(script, script) as server:
        tail = call("tail", "a", "--url", server.url)
        published = call("publish", "a", "b", "--url", server.url)
    assert tail.exit_code == 1
    assert f"{server.url}: {why}" in said(tail)
    assert published.exit_code == 1
    assert f"{server.url}: " in said(published)


def test_a_server_without_tls_is_told_by_its_url() -> None:
    with ScriptedServer(HEAD, HEAD) as server:
        url = server.url.replace("http:", "https:")
        tail = call("tail", "a", "--url", url)
        published = call("publish", "a", "b", "--url", url)
    assert f"{url}: the server is not trusted: [SSL: WRONG_VERSION_NUMBER]" in said(tail)
    assert f"no server answers at {url}: [SSL: WRONG_VERSION_NUMBER]" in said(published)
    assert (tail.exit_code, published.exit_code) == (1, 1)


def test_a_stream_of_something_else_is_told_on_a_terminal() -> None:
    """In a pipe what came is handed on as it is; a bar needs to know what it is."""
    hello = HEAD + b"event: connected\ndata: hello\n\n"
    ours, theirs = pty.openpty()
    try:
        with ScriptedServer(hello) as server:
            done = subprocess.run(
                [sys.executable, "-m", "streamer", "tail", "a", "--url", server.url],
                stdout=theirs,
                stderr=subprocess.PIPE,
                text=True,
                timeout=DEADLINE,
                check=False,
            )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 1
    assert "received an event that is not" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
