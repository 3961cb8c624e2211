"""The URL of the event log's Redis: one server, a Sentinel's master, or a cluster."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

import msgspec

from .redacted import HIDDEN, malformed
from .redis_parameters import HARMLESS, check_parameters, is_database

#: What is allowed, in words, for whoever set something else.
ALLOWED: Final = (
    "redis://[user:password@]host[:port][/db], rediss:// for TLS, unix:///path/to/socket, "
    "redis+sentinel://[user:password@]host:port,host:port/service[/db] "
    "or redis+cluster://[user:password@]host:port,host:port"
)
#: Ports where none is named.
SERVER_PORT: Final = 6379
SENTINEL_PORT: Final = 26379

_SCHEME: Final = re.compile(r"(rediss?)(?:\+(sentinel|cluster))?|unix")
_END_OF_AUTHORITY: Final = re.compile(r"[/?#]")
_NODE: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]@,%]+)(?::([0-9]{1,5}))?")
_SERVICE: Final = re.compile(r"[A-Za-z0-9_.-]+")
_MAX_PORT: Final = 65535
#: Bytes of a socket's path: sockaddr_un of Linux, less the final NUL.
_LONGEST_SOCKET_PATH: Final = 107

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

    def __repr__(self) -> str:
        """Without passwords: it may end in a log or a traceback."""
        return f"RedisURL({self.kind!r}, {without_password(self.server)!r}, nodes={self.nodes!r})"


def parse_redis_url(text: str) -> RedisURL:
    """Read `text`, one of the forms of `ALLOWED`.

    Raises:
        InvalidRedisURL: saying what is wrong with it; never with any part of it
            that may be a password.
    """
    before, _, after = text.partition("://")
    scheme = _SCHEME.fullmatch(before.lower())
    if any(character.isspace() for character in text):
        raise InvalidRedisURL("it has a space; in a password write %20")
    if not text.isprintable():
        raise InvalidRedisURL("it has an invisible character; in a password escape it")
    if scheme is None or "://" not in text:
        raise InvalidRedisURL("it does not start with one of the schemes")
    # Without the authority: where it lists hosts, later versions of Python take a
    # bracket in the middle for a mistake.
    authority = _END_OF_AUTHORITY.split(after, maxsplit=1)[0]
    parts = urlsplit(f"{before}://{after[len(authority) :]}")
    if parts.fragment:
        raise InvalidRedisURL("it has a '#'; in a password write %23")
    if parts.scheme == "unix":
        return _unix(text, authority, parts)
    kind = scheme[2] or "server"
    userinfo, at, listed = authority.rpartition("@")
    nodes = _nodes(listed, SENTINEL_PORT if kind == "sentinel" else SERVER_PORT)
    service, database = _path(parts.path, kind)
    parameters = _parameters(parts, sentinel=kind == "sentinel", tls=scheme[1] == "rediss")
    if database is not None and int(parameters.get("db", database)) != int(database):
        raise InvalidRedisURL("it names two databases, after '/' and as db=")
    if kind == "server":
        if len(nodes) > 1:
            raise InvalidRedisURL("it names several hosts, and neither +sentinel nor +cluster")
        return RedisURL(kind, _readable(text))
    if kind == "cluster" and int(parameters.get("db", "0")) != 0:
        raise InvalidRedisURL("a cluster has no database but 0")
    own = {name: parameters.pop(name, None) for name in ("sentinel_username", "sentinel_password")}
    query = f"?{urlencode(parameters)}" if parameters else ""
    path = parameters.get("db", "0") if database is None else database
    return RedisURL(
        kind,
        _readable(f"{scheme[1]}://{userinfo}{at}localhost/{path}{query}"),
        nodes=nodes,
        service=service,
        sentinel_username=own["sentinel_username"],
        sentinel_password=own["sentinel_password"],
    )


def without_password(url: str) -> str:
    """`url` as it may be shown: ``***`` for its user and password, wherever they stand.

    Of a text that is not such a URL nothing is known, so nothing of it is shown but
    its scheme: what is wrong with it may be an unescaped password.
    """
    try:
        parse_redis_url(url)
    except InvalidRedisURL:
        return malformed(url)
    rest, question, query = url.partition("?")
    scheme, _, place = rest.partition("://")
    if "@" in place:
        place = f"{HIDDEN}@{place.rpartition('@')[2]}"
    shown = "&".join(
        f"{name}={value if name in HARMLESS else HIDDEN}"
        for name, value in parse_qsl(query, keep_blank_values=True)
    )
    return f"{scheme}://{place}{question}{shown}"


def _readable(server: str) -> str:
    try:
        urlsplit(server)  # as redis-py will
    except ValueError:
        # Not chained: that error quotes the password.
        raise InvalidRedisURL(
            "it has a bracket that is not around an address; in a password write %5B and %5D"
        ) from None
    return server


def _unix(text: str, authority: str, parts: SplitResult) -> RedisURL:
    if authority.rpartition("@")[2]:
        raise InvalidRedisURL("it has only two slashes before the socket's path; write unix:///")
    if "@" in parts.path:  # most likely the end of a password with a bare slash
        raise InvalidRedisURL("it has a '/' before an '@'; in a password write %2F, in a path %40")
    path = unquote(parts.path)
    if not path.strip("/"):
        raise InvalidRedisURL("it names no socket")
    if not path.isprintable() or len(path.encode(errors="surrogateescape")) > _LONGEST_SOCKET_PATH:
        raise InvalidRedisURL(
            f"its socket's path is not 1 to {_LONGEST_SOCKET_PATH} bytes of visible characters"
        )
    _parameters(parts, sentinel=False, tls=False)
    return RedisURL("server", _readable(text))


def _parameters(parts: SplitResult, *, sentinel: bool, tls: bool) -> dict[str, str]:
    try:
        return check_parameters(parts.query, sentinel=sentinel, tls=tls)
    except ValueError as error:
        raise InvalidRedisURL(str(error)) from None


def _nodes(listed: str, port: int) -> tuple[Node, ...]:
    nodes = []
    for text in listed.split(","):
        match = _NODE.fullmatch(text)
        if (
            match is None
            or not 1 <= (found := int(match[2] or port)) <= _MAX_PORT
            or not _is_host(match[1])
        ):
            # Not shown: it may be a part of a password with a bare @ or comma.
            raise InvalidRedisURL("it names a host that is not host or host:port")
        nodes.append((match[1].strip("[]"), found))
    return tuple(nodes)


def _is_host(text: str) -> bool:
    """Whether a resolver can be asked for `text`; it raises its own kind of error for others."""
    try:
        if text.startswith("["):
            IPv6Address(text.strip("[]"))
        else:
            text.encode("idna")
    except ValueError:
        return False
    return True


def _path(path: str, kind: str) -> tuple[str, str | None]:
    """The service and the database that a path names; None if it names none."""
    words = path.removeprefix("/").removesuffix("/").split("/") if path.strip("/") else []
    service = words.pop(0) if kind == "sentinel" and words else ""
    if kind == "sentinel" and _SERVICE.fullmatch(service) is None:
        raise InvalidRedisURL("it does not name the service that the Sentinels watch")
    if len(words) > 1 or (words and not is_database(words[0])):
        raise InvalidRedisURL("its database is not a number")
    database = words[0] if words else None
    if kind == "cluster" and int(database or "0") != 0:
        raise InvalidRedisURL("a cluster has no database but 0")
    return service, database
