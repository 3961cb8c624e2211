"""A server that strangers could reach starts only if somebody said how it knows who is asking."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from streamer.cli import main
from support.processes import streamer
from support.servers import Server

SECRET = "a secret of more than 32 bytes, for tests"
#: Where none is: whoever comes so far has passed.
REDIS = "redis://127.0.0.1:1"


def call(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env={"COLUMNS": "80", **environ})


def said(result: Result) -> str:
    return " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "live.example.com"])
@pytest.mark.parametrize("command", ["serve", "run"])
def test_it_is_not_started_open_and_both_ways_out_are_named(
    command: str, host: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    result = call(command, "--host", host, "--data-dir", str(data), STREAMER_REDIS_URL=REDIS)
    assert result.exit_code == 2
    told = said(result)
    assert f"Not started: others could reach it at {host}" in told
    for variable in ("SECRET", "PUBLIC_KEY", "JWKS_URL", "URL"):
        assert f" STREAMER_AUTH_{variable} " in told
    assert "STREAMER_AUTH=none" in told
    assert not data.exists(), "something was begun"


@pytest.mark.parametrize("host", ["192.0.2.7", "::1", "127.0.0.1", "127.8.0.1", "localhost"])
@pytest.mark.parametrize(
    "environ",
    [
        {"STREAMER_AUTH": "none"},
        {"STREAMER_AUTH_SECRET": SECRET},
        {"STREAMER_AUTH_JWKS_URL": "https://id.example/jwks"},
        {"STREAMER_AUTH_URL": "https://app.example/whoami"},
        {},
    ],
    ids=lambda environ: next(iter(environ), "open"),
)
def test_it_is_started_where_that_is_said_or_nobody_comes(
    host: str, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> socket.socket:
        raise OSError(98, "it came to this")

    monkeypatch.setattr(socket, "create_server", refuse)
    result = call(
        "serve", "--host", host, "--data-dir", str(tmp_path), "--redis-url", REDIS, **environ
    )
    is_refused = host == "192.0.2.7" and not environ
    assert result.exit_code == (2 if is_refused else 1)
    assert ("Not started" in said(result)) == is_refused


@pytest.mark.parametrize("command", ["serve", "run"])
def test_a_key_that_cannot_be_used_is_told_before_anything_begins(
    command: str, tmp_path: Path
) -> None:
    data, key = tmp_path / "data", tmp_path / "key.pem"
    key.write_text("no key")
    result = call(command, "--data-dir", str(data), STREAMER_AUTH_PUBLIC_KEY=str(key))
    assert result.exit_code == 2
    assert "STREAMER_AUTH_PUBLIC_KEY cannot be used" in said(result)
    assert not data.exists()


def test_check_says_so_too(tmp_path: Path) -> None:
    result = call("check", "--host", "0.0.0.0", "--port", "0", "--data-dir", str(tmp_path))
    assert result.exit_code == 1
    assert "no server starts; docs/TOKENS.md" in said(result)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("environ", "line", "status"),
    [
        ({}, "Open to everybody on this machine; STREAMER_AUTH_SECRET would ask", 200),
        (
            {"STREAMER_HOST": "0.0.0.0", "STREAMER_AUTH": "none"},
            "Open to everybody who reaches 0.0.0.0, as STREAMER_AUTH=none says.",
            200,
        ),
        (
            {"STREAMER_HOST": "0.0.0.0", "STREAMER_AUTH_SECRET": SECRET},
            "Whoever comes must say who they are.",
            401,
        ),
    ],
)
def test_who_is_let_in_is_said_in_one_line(  # noqa: PLR0917
    environ: dict[str, str],
    line: str,
    status: int,
    workers: str,
    redis_server: Server,
    short_dir: Path,
) -> None:
    """And it is so in every process."""
    environ = {
        "STREAMER_REDIS_URL": redis_server.url,
        "STREAMER_DATA_DIR": str(short_dir),
        "STREAMER_DRAIN_SECONDS": "0.2",
        **environ,
    }
    with streamer("serve", "--port", "0", "--workers", workers, environ=environ) as program:
        port = program.wait_for(r"Serving at http://[0-9.]+:(\d+)")[1]
        program.wait_for(line)
        url = f"http://127.0.0.1:{port}/api/v1/projects/p1/events"
        assert httpx.get(url).status_code == status
        assert SECRET not in program.out + program.err
