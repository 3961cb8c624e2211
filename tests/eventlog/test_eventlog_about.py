"""What a Redis says of itself, and what is said where it may not."""

from __future__ import annotations

import pytest

from streamer.errors import LogForbidden, LogUnavailable
from streamer.eventlog.redis.about import About, describe
from support.answering_server import OK, AnsweringServer
from support.servers import Server

FORBIDDEN = b"-NOPERM User u has no permissions to run the command\r\n"
UNKNOWN_COMMAND = b"-ERR unknown command 'CONFIG'\r\n"
HELLO = b"*4\r\n$6\r\nserver\r\n$6\r\nvalkey\r\n$7\r\nversion\r\n$5\r\n9.1.2\r\n"
SAVED = b"*2\r\n$4\r\nsave\r\n$6\r\n3600 1\r\n"
NOT_SAVED = b"*2\r\n$4\r\nsave\r\n$0\r\n\r\n"


def info(*lines: str) -> bytes:
    text = "\r\n".join(("# Server", *lines, "")).encode()
    return b"$%d\r\n%s\r\n" % (len(text), text)


REDIS = ("redis_version:7.0.15", "executable:/a:b", "aof_enabled:0")


async def asked(said: dict[str, bytes | None]) -> About:
    async with AnsweringServer(lambda words: said.get(words[0].decode(), OK)) as server:
        return await describe(server.url, timeout=0.2)


@pytest.mark.parametrize(
    ("said", "server", "version", "persistence", "policy"),
    [
        (
            {
                "INFO": info(
                    *("redis_version:7.2.4", "valkey_version:9.1.2", "aof_enabled:1"),
                    "maxmemory_policy:noeviction",
                )
            },
            *("Valkey", "9.1.2", "append-only file", "noeviction"),
        ),
        ({"INFO": info(*REDIS), "CONFIG": SAVED}, "Redis", "7.0.15", "snapshots", None),
        ({"INFO": info(*REDIS), "CONFIG": NOT_SAVED}, "Redis", "7.0.15", "none", None),
        ({"INFO": info(*REDIS), "CONFIG": b"*0\r\n"}, "Redis", "7.0.15", "none", None),
        ({"INFO": info(*REDIS), "CONFIG": FORBIDDEN}, "Redis", "7.0.15", "unknown", None),
        ({"INFO": info(*REDIS), "CONFIG": UNKNOWN_COMMAND}, "Redis", "7.0.15", "unknown", None),
        (
            {"INFO": FORBIDDEN, "HELLO": HELLO, "CONFIG": FORBIDDEN},
            *("Valkey", "9.1.2", "unknown", None),
        ),
        (
            {"INFO": FORBIDDEN, "HELLO": FORBIDDEN, "CONFIG": FORBIDDEN},
            *("Redis", "unknown", "unknown", None),
        ),
    ],
)
async def test_what_is_said_of_a_server(
    said: dict[str, bytes | None], server: str, version: str, persistence: str, policy: str | None
) -> None:
    about = await asked(said)
    found = (about.server, about.version, about.persistence, about.policy)
    assert found == (server, version, persistence, policy)
    assert 0 < about.latency_ms < 1000
    assert about.new_enough


async def test_what_is_not_answered_is_no_server() -> None:
    """That it forbids something is no fault, and everything else is."""
    with pytest.raises(LogUnavailable, match="in time"):
        await asked({"INFO": info(*REDIS), "CONFIG": None})
    with pytest.raises(LogUnavailable, match="unknown command"):
        await asked({"INFO": b"-ERR unknown command 'INFO'\r\n"})
    with pytest.raises(LogForbidden):
        await asked({"INFO": info(*REDIS), "PING": FORBIDDEN})


async def test_a_real_server_is_described(redis_server: Server, valkey_server: Server) -> None:
    for server, name in ((redis_server, "Redis"), (valkey_server, "Valkey")):
        about = await describe(server.url)
        assert (about.server, about.persistence) == (name, "append-only file")
        assert about.new_enough
        assert about.version[0].isdecimal()
        assert about.policy == "noeviction"
