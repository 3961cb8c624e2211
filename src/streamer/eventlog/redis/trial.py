"""Whether a Redis lets the event log do all that it will have to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...config.redis_url import RedisURL, parse_redis_url
from .keys import Keys
from .link.commands import Commands
from .link.search import open_route
from .script import Script

_CHECK: Final = Script("rights.lua", "check.lua")
#: Stands for every topic, publisher, key and process: rights go by the beginnings of names.
_ANY: Final = "check"
#: Where a command has the name of a key or a channel.
_KEY: Final = "KEY"


async def missing_rights(
    url: str,
    *,
    prefix: str = "streamer",
    wait_replicas: int = 0,
    timeout: float = 5.0,  # noqa: ASYNC109 - of each command, not of the whole
) -> list[str]:
    """Commands, each with its first key or channel, that the user of `url` may not run.

    One write is tried: of a key that nothing is kept in, and that expires at once.

    Raises:
        InvalidRedisURL: `url` is malformed.
        LogUnavailable: it cannot be reached, or runs no scripts, or refuses writes.
    """
    parsed = parse_redis_url(url)
    route = open_route(parsed, prefix, timeout)
    commands = Commands(parsed, route, timeout)
    keys = Keys(prefix, commands.database)
    arguments: list[str] = [keys.trial]
    for command in needed(parsed, keys, wait_replicas):
        arguments += (str(len(command)), *command)
    try:
        found = await commands.run_script(_CHECK, (), arguments)
    finally:
        await commands.close()
        if route is not None:
            await route.close()
    return [text.decode() for text in found]


def needed(url: RedisURL, keys: Keys, wait_replicas: int) -> Iterator[tuple[str, ...]]:
    """Every command that the event log runs, on each kind of key that it runs it on."""
    for names, commands in _commands_by_key(keys):
        for name in names:
            for command in commands:
                yield tuple(name if word == _KEY else word for word in command.split())
    others = ["TIME", "PING", "EVAL script 0", "EVALSHA digest 0"]
    if keys.database:
        others.append(f"SELECT {keys.database}")
    if wait_replicas:
        others.append(f"WAIT {wait_replicas} 0")
    if url.kind != "server":
        others.append("ROLE")
    if url.kind == "cluster":
        others += ("CLUSTER INFO", "CLUSTER SLOTS")
    for command in others:
        yield tuple(command.split())


def _commands_by_key(keys: Keys) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    retry, process = keys.idempotency(_ANY, _ANY), keys.process(_ANY)
    renewals, answer = keys.renewals(_ANY), keys.answer(_ANY)
    stream, meta, parts = keys.stream(_ANY), keys.meta(_ANY), keys.parts(_ANY)
    state = (keys.snapshot(_ANY), keys.tasks(_ANY))
    channels = (keys.notification(_ANY), keys.probe_prefix + _ANY)
    texts = (
        keys.clock,
        keys.birth,
        keys.batch(_ANY),
        retry,
        keys.leases_looked,
        keys.presence_looked,
        keys.checkpoint(_ANY),
    )
    return [
        (texts, ("GET KEY", "SET KEY v")),
        ((retry,), ("PEXPIRE KEY 1", "MGET KEY")),
        ((stream,), ("XADD KEY * e v", "XTRIM KEY MAXLEN = 1", "XRANGE KEY - +", "XLEN KEY")),
        ((stream,), ("XINFO STREAM KEY", "XREVRANGE KEY + -")),
        ((parts,), ("XADD KEY * e v w n", "XDEL KEY 0-1", "XTRIM KEY MAXLEN = 0")),
        ((parts,), ("XLEN KEY", "XRANGE KEY - +", "XREVRANGE KEY + -")),
        (
            (keys.cursors(_ANY),),
            (
                "HGET KEY f",
                "HSET KEY f v",
                "HLEN KEY",
                "HDEL KEY f",
                "HMGET KEY f",
                "PEXPIRE KEY 1",
            ),
        ),
        ((keys.moved(_ANY),), ("ZADD KEY 0 m", "ZCARD KEY", "ZREM KEY m", "ZREVRANGE KEY 0 0")),
        ((keys.moved(_ANY),), ("ZRANGEBYSCORE KEY 0 0",)),
        ((meta,), ("HMGET KEY f", "HSET KEY f v")),
        ((*state, keys.leases), ("HSET KEY f v", "HDEL KEY f", "HGET KEY f", "HLEN KEY")),
        (state, ("HGETALL KEY",)),
        ((keys.leases,), ("HKEYS KEY",)),
        ((keys.members(_ANY),), ("HSET KEY f v", "HDEL KEY f", "HGET KEY f", "HLEN KEY")),
        ((keys.left(_ANY),), ("HSET KEY f v", "HDEL KEY f", "HGET KEY f", "HLEN KEY")),
        ((keys.left(_ANY),), ("PEXPIRE KEY 1",)),
        ((stream,), ("XDEL KEY 0-1",)),
        ((keys.members(_ANY),), ("HMGET KEY f", "HGETALL KEY", "PEXPIRE KEY 1")),
        (
            (keys.presence_due, keys.typing),
            ("ZADD KEY 0 m", "ZCARD KEY", "ZREM KEY m", "ZRANGEBYSCORE KEY 0 0"),
        ),
        ((keys.presence_due,), ("ZRANGE KEY 0 0", "ZSCORE KEY m")),
        ((keys.cursors(_ANY), keys.moved(_ANY)), ("PEXPIRE KEY 1", "PEXPIREAT KEY 1")),
        ((keys.left(_ANY), keys.checkpoint(_ANY)), ("PEXPIREAT KEY 1",)),
        ((stream, meta, parts, *state), ("PEXPIREAT KEY 1",)),
        ((keys.topics, keys.lease_deadlines), ("ZADD KEY 0 m", "ZCARD KEY", "ZRANGE KEY 0 0")),
        ((keys.topics,), ("ZREVRANGE KEY 0 0", "ZSCORE KEY m", "ZREMRANGEBYSCORE KEY 0 0")),
        ((keys.lease_deadlines,), ("ZREM KEY m", "ZRANGEBYSCORE KEY 0 0")),
        (
            (keys.processes, keys.workers, keys.reporting),
            ("SADD KEY m", "SREM KEY m", "SMEMBERS KEY"),
        ),
        ((keys.signing_key, keys.revision, answer), ("GET KEY", "SET KEY v")),
        ((keys.revoked,), ("ZADD KEY 0 m", "ZCARD KEY", "ZRANGE KEY 0 0", "ZSCORE KEY m")),
        ((keys.revoked,), ("ZREMRANGEBYSCORE KEY 0 0",)),
        ((renewals,), ("HSET KEY f v", "HLEN KEY", "HGETALL KEY", "HDEL KEY f", "PEXPIRE KEY 1")),
        (
            (keys.push_due, keys.push_sends, keys.push_subjects),
            ("ZADD KEY 0 m", "ZCARD KEY", "ZREM KEY m", "ZSCORE KEY m", "ZRANGEBYSCORE KEY 0 0"),
        ),
        (
            (keys.push_subscriptions(_ANY),),
            ("HGET KEY f", "HSET KEY f v", "HDEL KEY f", "HLEN KEY", "HKEYS KEY", "PEXPIRE KEY 1"),
        ),
        ((keys.push_subscriptions(_ANY),), ("HGETALL KEY",)),
        ((keys.rules,), ("HGET KEY f", "HMGET KEY f", "HSET KEY f v")),
        ((meta,), ("HGET KEY f", "HLEN KEY", "HDEL KEY f")),
        ((keys.push_owner(_ANY),), ("GET KEY", "SET KEY v")),
        ((process, keys.worker(_ANY), keys.report(_ANY)), ("SET KEY v", "MGET KEY")),
        (channels, ("PUBLISH KEY v", "SUBSCRIBE KEY", "UNSUBSCRIBE KEY")),
    ]
