"""``streamer check`` tells what is set, and what is missing."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from click.testing import CliRunner, Result

from streamer.cli import main
from streamer.cli.redacted import without_password
from streamer.config.settings import SETTINGS
from streamer.hub import fan_out
from support.certificate import Authority, Certificate
from support.live import Live
from support.ports import free_port
from support.requirements import needs
from support.servers import Server


def check(*arguments: str, **environ: str) -> Result:
    variables = {f"STREAMER_{name.upper()}": value for name, value in environ.items()}
    variables.setdefault("STREAMER_PORT", str(free_port()))
    return CliRunner().invoke(main, ["check", *arguments], env=variables)


def line_of(result: Result, start: str) -> str:
    lines = result.output.splitlines()
    (line,) = (line for line in lines if line.lstrip("✓✗! ").startswith(f"{start} "))
    return line


def test_every_setting_is_shown_with_where_it_comes_from(tmp_path: Path) -> None:
    result = check("--heartbeat", "7", data_dir=str(tmp_path), prefix="mine")
    assert result.exit_code == 0, result.output
    for setting in SETTINGS.values():
        assert line_of(result, setting.variable)
    assert line_of(result, "STREAMER_HEARTBEAT").split()[1:3] == ["7", "option"]
    assert line_of(result, "STREAMER_PREFIX").split()[1:3] == ["mine", "variable"]
    assert line_of(result, "STREAMER_HOST").split()[1:3] == ["127.0.0.1", "default"]
    assert line_of(result, "Event log").startswith("✓")
    assert line_of(result, "Port").startswith("✓")


def test_a_setting_in_a_file_is_shown_with_the_file_and_without_its_value(tmp_path: Path) -> None:
    with NamedTemporaryFile("w", prefix="auth") as file:  # a short name, of one line in the table
        file.write("hunter2-hunter2-hunter2-hunter2-hunter2\n")
        file.flush()
        result = check(data_dir=str(tmp_path), auth_secret_file=file.name)
    assert result.exit_code == 0, result.output
    assert line_of(result, "STREAMER_AUTH_SECRET").split()[1:3] == ["***", file.name]
    assert "hunter2" not in result.output


def test_how_it_is_known_who_asks_is_tried(tmp_path: Path) -> None:
    result = check(data_dir=str(tmp_path))
    assert line_of(result, "Access").startswith("✓")
    result = check(data_dir=str(tmp_path), auth_public_key=str(tmp_path / "none.pem"))
    assert result.exit_code == 1
    assert line_of(result, "Access").startswith("✗")
    result = check(data_dir=str(tmp_path), auth_jwks_url="http://127.0.0.1:1/jwks")
    assert result.exit_code == 0, result.output
    assert line_of(result, "Access").startswith("!")


def test_a_redis_is_described(tmp_path: Path, redis_server: Server) -> None:
    result = check(data_dir=str(tmp_path), redis_url=redis_server.url)
    assert result.exit_code == 0, result.output
    line = line_of(result, "Redis")
    assert "Redis 7." in line
    assert "ms away, persistence: append-only file" in line


#: rules of a user, what the line on its rights begins with, and what it names.
USERS = [
    (("~*", "&*", "+@all", "-@dangerous"), "✓", "may do all"),
    (("~*", "+@all"), "✗", "PUBLISH {streamer}:n:0:check, SUBSCRIBE {streamer}:n:0:check"),
    (("~{other}*", "&*", "+@all"), "✗", "GET {streamer}:clock, SET {streamer}:clock"),
    (("~*", "&*", "+@all", "-xadd"), "✗", "XADD {streamer}:t:check"),
    (("~*", "&*", "+@all", "-wait"), "✗", "WAIT 1"),
    (("~*", "&*", "+@all", "-@scripting"), "✗", "NOPERM"),
]


@pytest.mark.faults
@pytest.mark.parametrize(("rules", "mark", "named"), USERS, ids=[" ".join(row[0]) for row in USERS])
def test_what_its_user_may_not_do_is_named(
    tmp_path: Path, own_server: Server, rules: tuple[str, ...], mark: str, named: str
) -> None:
    """Before the first publish fails."""
    with own_server.client() as client:
        client.execute_command("ACL", "SETUSER", "ann", "on", ">pw", *rules)
    url = own_server.url.replace("unix://", "unix://ann:pw@")
    result = check(data_dir=str(tmp_path), redis_url=url, redis_wait_replicas="1")
    assert result.exit_code == (0 if mark == "✓" else 1), result.output
    assert named in line_of(result, "Rights")
    assert line_of(result, "Rights").startswith(mark)


@pytest.mark.faults
def test_a_replica_is_a_failure(tmp_path: Path, own_server: Server) -> None:
    """All may be read there, and nothing published."""
    with own_server.client() as client:
        client.replicaof("127.0.0.1", "1")
    result = check(data_dir=str(tmp_path), redis_url=own_server.url)
    assert result.exit_code == 1
    assert "READONLY, it is a replica" in line_of(result, "Rights")


@pytest.mark.faults
def test_a_redis_without_scripts_is_a_failure(tmp_path: Path, short_dir: Path) -> None:
    disabled = [word for name in ("EVAL", "EVALSHA") for word in ("--rename-command", name, "")]
    server = Server(needs("redis-server"), short_dir, *disabled)
    server.start()
    result = check(data_dir=str(tmp_path), redis_url=server.url)
    server.stop()
    assert result.exit_code == 1
    assert "are scripts disabled?" in line_of(result, "Rights")


@pytest.mark.faults
def test_a_policy_that_gives_up_events_is_a_warning(tmp_path: Path, own_server: Server) -> None:
    with own_server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    result = check(data_dir=str(tmp_path), redis_url=own_server.url)
    assert result.exit_code == 0
    assert line_of(result, "Redis").startswith("!")
    assert "its maxmemory-policy is allkeys-lru" in line_of(result, "Redis")


def test_a_redis_that_is_away_is_a_failure(tmp_path: Path) -> None:
    result = check(data_dir=str(tmp_path), redis_url=f"redis://:secret@127.0.0.1:{free_port()}")
    assert result.exit_code == 1
    assert "Redis cannot be reached" in result.output
    assert "secret" not in result.output


def test_a_running_streamer_is_recognized_on_its_port(tmp_path: Path, live_server: Live) -> None:
    result = check(data_dir=str(tmp_path), port=str(live_server.port))
    assert "in use by a running Streamer" in line_of(result, "Port")


def test_a_port_that_something_else_has_is_a_failure(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        serving = threading.Thread(target=other.handle_request)
        serving.start()
        result = check(data_dir=str(tmp_path), port=str(other.server_port))
        serving.join()
    assert result.exit_code == 1
    assert "in use by another web server" in line_of(result, "Port")


def test_a_host_that_is_none_of_ours_is_a_failure(tmp_path: Path) -> None:
    result = check(data_dir=str(tmp_path), host="::g")
    assert result.exit_code == 1
    assert "cannot be used on ::g" in line_of(result, "Port")


def test_a_data_directory_that_cannot_be_made_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = check(data_dir=str(tmp_path / "file" / "data"))
    assert result.exit_code == 1
    assert line_of(result, "Data directory").startswith("✗")


def test_a_missing_ffmpeg_is_told_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = check(data_dir=str(tmp_path / "data"))
    assert result.exit_code == 0
    assert line_of(result, "ffmpeg").startswith("!")
    assert "sudo apt-get install ffmpeg" in line_of(result, "ffmpeg")


def test_how_events_are_sent_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An operator whose container forbids io_uring learns it here; nothing else would tell."""
    data_dir = str(tmp_path)
    monkeypatch.setattr(fan_out, "io_uring_problem", lambda: None)
    assert "up to 512 readers" in line_of(check(data_dir=data_dir), "Fan-out")
    monkeypatch.setattr(fan_out, "io_uring_problem", lambda: "Operation not permitted")
    refused = check(data_dir=data_dir)
    assert refused.exit_code == 0
    assert line_of(refused, "Fan-out").startswith("!")
    assert "no io_uring: Operation not permitted" in line_of(refused, "Fan-out")
    off = line_of(check(data_dir=data_dir, io_uring="false"), "Fan-out")
    assert off.startswith("✓")
    assert "switched off" in off


def test_a_misspelt_variable_is_told(tmp_path: Path) -> None:
    result = check(data_dir=str(tmp_path), prot="1")
    assert "STREAMER_PROT" in line_of(result, "STREAMER_PROT")
    assert "did you mean STREAMER_PORT?" in result.output


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://user:p@ss@host/0", "redis://***@host/0"),
        ("rediss://:secret@host", "rediss://***@host"),
        ("unix:///run/redis.sock?db=1&password=secret", "unix:///run/redis.sock?db=1&password=***"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_what_certificate_there_is_and_how_long_it_holds(tmp_path: Path) -> None:
    """Or what is wrong with it, by the names of its files."""
    authority = Authority(tmp_path)

    def found(certificate: Certificate, key: Path) -> str:
        cert = str(certificate.chain)
        return line_of(check(data_dir=str(tmp_path), tls_cert=cert, tls_key=str(key)), "TLS")

    good = authority.issue()
    assert found(good, good.key).startswith("✓")
    assert "for localhost, 127.0.0.1, until " in found(good, good.key)
    soon = authority.issue("soon", until=datetime.now(UTC) + timedelta(days=3, hours=1))
    assert found(soon, soon.key).startswith("!")
    assert "expires in 3 days" in found(soon, soon.key)
    gone = authority.issue("gone", until=datetime.now(UTC) - timedelta(days=1))
    assert "has expired" in found(gone, gone.key)
    assert found(soon, good.key).startswith("✗")
    assert f"STREAMER_TLS_KEY ({good.key}) is not the key of" in found(soon, good.key)
    assert "has no key in PEM" in found(good, good.chain)
    assert "has no certificate in PEM" in found(replace(good, chain=good.key), good.key)
    missing = found(replace(good, chain=tmp_path / "none"), good.key)
    assert f"STREAMER_TLS_CERT ({tmp_path / 'none'}) cannot be read: No such file" in missing
