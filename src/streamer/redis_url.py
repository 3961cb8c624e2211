"""The URL of the event log's Redis: one server, a Sentinel's master, or a cluster."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import msgspec

#: What is allowed, in words, for whoever set something else.
ALLOWED: Final = (
    "redis://[user:password@]host[:port][/db], rediss:// for TLS, unix:///path/to/socket, "
    "redis+sentinel://[user:password@]host:port,host:port/service[/db] "
    "or redis+cluster://[user:password@]host:port,host:port"
)
#: Ports where none is named.
SERVER_PORT: Final = 6379
SENTINEL_PORT: Final = 26379

#: Parameters after "?" that every kind takes, as redis-py reads them.
_PARAMETERS: Final = frozenset(
    {"db", "username", "password", "client_name", "ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path"}
    | {"ssl_certfile", "ssl_keyfile", "ssl_check_hostname"}
)
#: Those for the Sentinels themselves, which have users of their own.
_SENTINEL_PARAMETERS: Final = frozenset({"sentinel_username", "sentinel_password"})

_SCHEME: Final = re.compile(r"(rediss?)(?:\+(sentinel|cluster))?|unix")
_END_OF_AUTHORITY: Final = re.compile(r"[/?#]")
_NODE: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]@,]+)(?::([0-9]{1,5}))?")
_DATABASE: Final = re.compile(r"[0-9]{1,5}")
_SERVICE: Final = re.compile(r"[A-Za-z0-9_.-]+")
_MAX_PORT: Final = 65535

#: ``user:password@`` before the host; the last @ ends it, for people do not escape.
_USERINFO: Final = re.compile(r"(?<=://)([^:/?#]*):[^/?#]*@")
#: The passwords that are given as parameters.
_PASSWORD_PARAMETER: Final = re.compile(r"([?&](?:sentinel_)?password=)[^&#]*")

Node = tuple[str, int]


class InvalidRedisURL(ValueError):
    """A URL that names no Redis; the text says why, and what is allowed."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}; allowed are {ALLOWED}")
        self.problem = problem


class RedisURL(msgspec.Struct, frozen=True):
    """What `parse_redis_url` read.

    Attributes:
        kind: ``server``, ``sentinel`` or ``cluster``.
        server: a URL as redis-py takes it. Of a Sentinel or a cluster only its
            user, password, database and parameters count: its host is not where
            the log is.
        nodes: addresses of the Sentinels, or of some of the cluster's nodes.
        service: what the Sentinels call the master; empty for other kinds.
        sentinel_username, sentinel_password: for the Sentinels themselves.
    """

    kind: str
    server: str
    nodes: tuple[Node, ...] = ()
    service: str = ""
    sentinel_username: str | None = None
    sentinel_password: str | None = None


def parse_redis_url(text: str) -> RedisURL:
    """Read `text`, one of the forms of `ALLOWED`.

    Raises:
        InvalidRedisURL: saying what is wrong with it; never with its password.
    """
    # Without the authority: where it lists hosts, later versions of Python take a
    # bracket in the middle for a mistake.
    before, _, after = text.partition("://")
    authority = _END_OF_AUTHORITY.split(after, maxsplit=1)[0]
    parts = urlsplit(f"{before}://{after[len(authority) :]}")
    scheme = _SCHEME.fullmatch(parts.scheme)
    if any(character.isspace() for character in text):
        raise InvalidRedisURL("it has a space; in a password write %20")
    if scheme is None or "://" not in text:
        raise InvalidRedisURL("it does not start with one of the schemes")
    if parts.fragment:
        raise InvalidRedisURL("it has a '#'; in a password write %23")
    if parts.scheme == "unix":
        return _unix(text, parts)
    kind = scheme[2] or "server"
    parameters = _parameters(parts, sentinel=kind == "sentinel")
    userinfo, at, listed = authority.rpartition("@")
    nodes = _nodes(listed, SENTINEL_PORT if kind == "sentinel" else SERVER_PORT)
    service, database = _path(parts.path, kind)
    if kind == "server":
        if len(nodes) > 1:
            raise InvalidRedisURL("it names several hosts, and neither +sentinel nor +cluster")
        return RedisURL(kind, _readable(text))
    if kind == "cluster" and parameters.get("db", "0") != "0":
        raise InvalidRedisURL("a cluster has no database but 0")
    own = {name: parameters.pop(name, None) for name in sorted(_SENTINEL_PARAMETERS)}
    query = f"?{urlencode(parameters)}" if parameters else ""
    return RedisURL(
        kind,
        _readable(f"{scheme[1]}://{userinfo}{at}localhost/{database}{query}"),
        nodes=nodes,
        service=service,
        sentinel_username=own["sentinel_username"],
        sentinel_password=own["sentinel_password"],
    )


def without_password(url: str) -> str:
    """`url` with ``***`` for its passwords, wherever they stand."""
    return _PASSWORD_PARAMETER.sub(r"\1***", _USERINFO.sub(r"\1:***@", url))


def _readable(server: str) -> str:
    try:
        urlsplit(server)  # as redis-py will
    except ValueError as error:
        raise InvalidRedisURL(
            "it has a bracket that is not around an address; in a password write %5B and %5D"
        ) from error
    return server


def _unix(text: str, parts: SplitResult) -> RedisURL:
    _parameters(parts, sentinel=False)
    if not parts.path.strip("/"):
        raise InvalidRedisURL("it names no socket")
    return RedisURL("server", text)


def _parameters(parts: SplitResult, *, sentinel: bool) -> dict[str, str]:
    allowed = _PARAMETERS | _SENTINEL_PARAMETERS if sentinel else _PARAMETERS
    found = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in found:
        if name not in allowed:
            raise InvalidRedisURL(
                f"it has the parameter {name!r}, which is none of {', '.join(sorted(allowed))}"
            )
    if _DATABASE.fullmatch(found.get("db", "0")) is None:
        raise InvalidRedisURL("its database is not a number")
    return found


def _nodes(listed: str, port: int) -> tuple[Node, ...]:
    nodes = []
    for text in listed.split(","):
        match = _NODE.fullmatch(text)
        if match is None or not 1 <= (found := int(match[2] or port)) <= _MAX_PORT:
            # Not shown: it may be a part of a password with a bare @ or comma.
            raise InvalidRedisURL("it names a host that is not host or host:port")
        nodes.append((match[1].strip("[]"), found))
    return tuple(nodes)


def _path(path: str, kind: str) -> tuple[str, str]:
    """The service and the database that a path names."""
    words = path.removeprefix("/").removesuffix("/").split("/") if path.strip("/") else []
    service = words.pop(0) if kind == "sentinel" and words else ""
    if kind == "sentinel" and _SERVICE.fullmatch(service) is None:
        raise InvalidRedisURL("it does not name the service that the Sentinels watch")
    if len(words) > 1 or (words and _DATABASE.fullmatch(words[0]) is None):
        raise InvalidRedisURL("its database is not a number")
    database = words[0] if words else "0"
    if kind == "cluster" and int(database) != 0:
        raise InvalidRedisURL("a cluster has no database but 0")
    return service, database
