"""``streamer check`` says what the servers of a log say of themselves, and how its clock goes."""

from __future__ import annotations

import resource
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from click.testing import CliRunner, Result

from streamer.cli import main
from streamer.config.retention import Retention
from streamer.config.settings import Settings
from streamer.eventlog.redis import about
from streamer.eventlog.redis.log import RedisEventLog
from streamer.operating.reports import ProcessReport
from streamer.version import __version__
from support.ports import free_port
from support.servers import Server

REPORT = ProcessReport(
    process="p1",
    host="web1",
    pid=7,
    version=__version__,
    at="2026-11-28T18:00:00.000Z",
    began="2026-11-28T17:00:00.000Z",
    published=0.0,
    delivered=0.0,
    replayed=0.0,
    gaps=0.0,
    readers={},
    lag_seconds=0.0,
    slowest=[],
    log_up=True,
    log_ms=0.2,
    follows=False,
    draining=False,
)


@pytest.fixture
async def log(redis_server: Server, prefix: str) -> AsyncIterator[RedisEventLog]:
    settings = Settings.from_env({})
    kept, unread = settings.retention_policy(), settings.unread_policy()
    log = RedisEventLog(redis_server.url, prefix=prefix, retention=kept, unread=unread)
    yield log
    await log.close()


@pytest.fixture
def environ(redis_server: Server, prefix: str, tmp_path: Path) -> dict[str, str]:
    return {
        "STREAMER_REDIS_URL": redis_server.url,
        "STREAMER_PREFIX": prefix,
        "STREAMER_DATA_DIR": str(tmp_path),
        "STREAMER_PORT": str(free_port()),
    }


def check(environ: dict[str, str]) -> Result:
    import threading

    # The test's own event loop runs; the command makes one of its own.
    results: list[Result] = []
    thread = threading.Thread(
        target=lambda: results.append(CliRunner().invoke(main, ["check"], env=environ))
    )
    thread.start()
    thread.join()
    return results[0]


def found(result: Result, what: str) -> list[str]:
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    return [line for line in lines if line[2:].startswith(f"{what} ")]


async def test_servers_of_one_version_that_hear_the_log_are_well(
    log: RedisEventLog, environ: dict[str, str]
) -> None:
    assert found(check(environ), "Servers") == ["✓ Servers none uses this log now"]
    await log.rules.uphold()
    await log.reports.say("p1", msgspec.json.encode(REPORT))
    result = check(environ)
    assert found(result, "Servers") == [f"✓ Servers 1 of {__version__} use this log"]
    assert found(result, "Rules") == []
    assert found(result, "Clock") == ["✓ Clock Redis's clock agrees with ours"]
    assert result.exit_code == 0, result.output


async def test_what_is_wrong_with_servers_is_said_with_what_to_do(
    log: RedisEventLog, environ: dict[str, str]
) -> None:
    other = msgspec.structs.replace(REPORT, version="0.0.1", follows=True, log_up=False)
    await log.rules.uphold()
    await log.rules.retain("notes", Retention(5))
    await log.reports.say("p1", msgspec.json.encode(other))
    await log.reports.say("p2", b'{"of":"another version"}')
    result = check(environ | {"STREAMER_RETENTION_LENGTH": "7"})
    versions, deaf = found(result, "Servers")
    assert versions.startswith(f"! Servers 1 of 0.0.1 use this log, and this is {__version__}: ")
    assert deaf.startswith("✗ Servers 1 of 1 do not hear the log, such as web1 7")
    follows, differs, by_hand = found(result, "Rules")
    assert follows.startswith("! Rules 1 of 1 servers follow the settings of another: give all")
    assert differs.startswith("! Rules what this log keeps and counts is not what is set here")
    assert by_hand == "✓ Rules what is kept of notes was set by streamer retain"
    assert result.exit_code == 1


def test_a_clock_of_redis_that_is_not_ours_is_said(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = SimpleNamespace(time=lambda: time.time() - 3600, perf_counter=time.perf_counter)
    monkeypatch.setattr(about, "time", late)
    (said,) = found(check(environ), "Clock")
    assert said.startswith("! Clock Redis's clock is 3600 s ahead of ours: ")
    assert said.endswith("let both be set by NTP")


def test_a_redis_that_evicts_is_said(own_server: Server, environ: dict[str, str]) -> None:
    with own_server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    (said,) = found(check(environ | {"STREAMER_REDIS_URL": own_server.url}), "Redis")
    assert said.startswith("! Redis ")
    assert "maxmemory-policy is allkeys-lru" in said


def test_too_few_descriptors_are_said(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    (said,) = found(check(environ | {"STREAMER_MAX_CONNECTIONS": "10000"}), "Open files")
    assert said.startswith("! Open files up to 1024: room for ")
    assert said.endswith("not 10000; raise ulimit -Hn")


@pytest.mark.parametrize(("key", "mark"), [("nonsense", "✗"), ("", "✓")])
def test_the_key_of_web_push_is_tried(environ: dict[str, str], key: str, mark: str) -> None:
    more = {"STREAMER_PUSH_SUBJECT": "mailto:ops@example.com"} | (
        {"STREAMER_PUSH_KEY": key} if key else {}
    )
    (said,) = found(check(environ | more), "Web")
    assert said.startswith(f"{mark} Web Push ")
