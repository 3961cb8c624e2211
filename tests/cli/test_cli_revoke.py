"""``streamer revoke`` writes into the log, for every server that looks at it."""

from __future__ import annotations

import asyncio
import time

import pytest
from click.testing import CliRunner, Result

from streamer.cli import main
from streamer.eventlog.access import Revocation
from streamer.eventlog.redis.log import RedisEventLog
from support.servers import Server


async def _in_a_thread(arguments: list[str], environ: dict[str, str]) -> Result:
    """Call it where no event loop runs, as a shell does."""
    runner = CliRunner()
    return await asyncio.to_thread(runner.invoke, main, ["revoke", *arguments], env=environ)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("jti", "5f0c", "revoked: the token 5f0c\n"),
        ("sub", "7", "revoked: all tokens of 7 that were issued until now\n"),
        ("sub", "-ü *", "revoked: all tokens of -ü * that were issued until now\n"),
    ],
)
async def test_it_is_stored_with_its_time(
    redis_server: Server, prefix: str, kind: str, value: str, said: str
) -> None:
    environ = {"STREAMER_REDIS_URL": redis_server.url, "STREAMER_PREFIX": prefix}
    before = time.time()
    result = await _in_a_thread([f"--{kind}={value}"], environ)
    assert (result.exit_code, result.output) == (0, said)
    log = RedisEventLog(redis_server.url, prefix=prefix)
    ((found,), after) = ((await log.access.revocations())[1], time.time())
    await log.close()
    assert (found.kind, found.value) == (kind, value)
    assert isinstance(found, Revocation)
    assert before <= found.at <= after


async def test_a_log_that_is_away_is_one_sentence(prefix: str) -> None:
    environ = {"STREAMER_REDIS_URL": "redis://:secret@127.0.0.1:1", "STREAMER_PREFIX": prefix}
    result = await _in_a_thread(["--sub", "7"], environ)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert "secret" not in result.output
