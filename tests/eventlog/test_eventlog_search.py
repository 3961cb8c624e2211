"""Who is asked where the log is, and who is believed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

import pytest

from streamer.config.redis_url import parse_redis_url
from streamer.errors import LogUnavailable
from streamer.eventlog.redis.link.cluster import ClusterSearch
from streamer.eventlog.redis.link.route import Address
from streamer.eventlog.redis.link.sentinel import SentinelSearch
from support.answering_server import OK, Answer, AnsweringServer, Words

SERVED = Address("10.0.0.1", 6379)


def packed(value: object) -> bytes:
    """As it stands on the wire."""
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(map(packed, value))
    if isinstance(value, int):
        return b":%d\r\n" % value
    text = str(value).encode()
    return b"$%d\r\n%s\r\n" % (len(text), text)


def master(name: str = "events", flags: str = "master", port: int = SERVED.port) -> list[str]:
    """What a Sentinel says of one master, as far as we read it."""
    fields = {"name": name, "ip": SERVED.host, "port": str(port), "quorum": "2", "flags": flags}
    return [word for pair in fields.items() for word in pair]


def sentinel(*masters: list[str]) -> Answer:
    return lambda words: packed(list(masters)) if words[0] == b"SENTINEL" else OK


def node(state: str = "ok", slots: object = None) -> Answer:
    """A node of a cluster in which one has all slots."""
    served: object = [[0, 16383, [SERVED.host, SERVED.port, "id"]]] if slots is None else slots

    def answer(words: Words) -> bytes:
        said: Mapping[Words, object] = {
            (b"CLUSTER", b"INFO"): f"cluster_enabled:1\r\ncluster_state:{state}\r\n",
            (b"CLUSTER", b"SLOTS"): served,
        }
        return packed(said[words]) if words in said else OK

    return answer


@pytest.fixture
async def servers() -> AsyncIterator[list[AnsweringServer]]:
    """Three, who say OK to everything until a test says otherwise."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(AnsweringServer(lambda _words: OK)) for _ in range(3)
        ]


def sentinels_of(servers: list[AnsweringServer], query: str = "") -> SentinelSearch:
    listed = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    return SentinelSearch(parse_redis_url(f"redis+sentinel://u:pw@{listed}/events{query}"), 0.1)


def cluster_of(servers: list[AnsweringServer], query: str = "") -> ClusterSearch:
    listed = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    return ClusterSearch(parse_redis_url(f"redis+cluster://u:pw@{listed}{query}"), "{s}:k", 0.1)


#: Why the next is asked instead, what is said of it.
UNBELIEVED: dict[str, tuple[Answer, str]] = {
    "silent": (lambda _words: None, "no answer in time|Timeout reading"),
    "another": (sentinel(master("others")), "knows none"),
    "down for it": (sentinel(master(flags="s_down,master")), "only that it is down"),
    "down for all": (sentinel(master(flags="master,s_down,o_down")), "only that it is down"),
    "refusing": (lambda _words: b"-NOAUTH Authentication required.\r\n", "NOAUTH"),
    "no sentinel": (lambda _words: b"-ERR unknown command 'SENTINEL'\r\n", "unknown command"),
}


@pytest.mark.parametrize("kind", UNBELIEVED)
async def test_the_first_sentinel_that_knows_a_healthy_master_is_believed_and_asked_first(
    servers: list[AnsweringServer], kind: str
) -> None:
    servers[0].answer, why = UNBELIEVED[kind]
    servers[1].answer = sentinel(master("others"), master())
    search = sentinels_of(servers)
    assert await search.ask() == SERVED
    assert await search.ask() == SERVED
    assert [len(server.peers) for server in servers] == [1, 2, 0]
    servers[1].answer = sentinel()
    with pytest.raises(LogUnavailable, match=f"no Sentinel knows.*'events'.*{why}"):
        await sentinels_of(servers[:2]).ask()


async def test_a_sentinel_is_asked_with_its_own_password_and_left(
    servers: list[AnsweringServer],
) -> None:
    """The log's is not shown to it."""
    servers[0].answer = sentinel(master())
    await sentinels_of(servers).ask()
    query = "?sentinel_username=ann&sentinel_password=secret"
    await sentinels_of(servers, query).ask()
    asked = (b"SENTINEL", b"MASTERS")
    assert [peer.commands for peer in servers[0].peers] == [
        [asked],
        [(b"AUTH", b"ann", b"secret"), asked],
    ]


UNBELIEVED_NODES: dict[str, tuple[Answer, str]] = {
    "silent": (lambda _words: None, "no answer in time|Timeout reading"),
    "cut off": (node(state="fail"), "cluster_state is not ok"),
    "empty": (node(slots=[]), "is served by no node"),
    "no cluster": (
        lambda _words: b"-ERR This instance has cluster support disabled\r\n",
        "support",
    ),
}


@pytest.mark.parametrize("kind", UNBELIEVED_NODES)
async def test_the_first_node_that_is_not_cut_off_is_believed_and_asked_first(
    servers: list[AnsweringServer], kind: str
) -> None:
    servers[0].answer, why = UNBELIEVED_NODES[kind]
    servers[1].answer = node()
    search = cluster_of(servers)
    assert await search.ask() == SERVED
    assert await search.ask() == SERVED
    assert [len(server.peers) for server in servers] == [1, 2, 0]
    with pytest.raises(LogUnavailable, match=f"no node of the cluster knows.*{why}"):
        await cluster_of(servers[:1]).ask()


async def test_a_node_is_asked_as_the_user_of_the_log(servers: list[AnsweringServer]) -> None:
    """By the name that all our connections have; a node that does not know its own has ours."""
    servers[0].answer = node(slots=[[0, 16383, ["", 7000, "id"]]])
    assert await cluster_of(servers, "?client_name=me").ask() == Address("127.0.0.1", 7000)
    (peer,) = servers[0].peers
    assert peer.writes == [
        [
            (b"AUTH", b"u", b"pw"),
            (b"CLIENT", b"SETNAME", b"me"),
            (b"CLUSTER", b"INFO"),
            (b"CLUSTER", b"SLOTS"),
        ]
    ]


async def test_who_hangs_up_while_it_is_asked_is_not_asked_on(
    servers: list[AnsweringServer],
) -> None:
    """Nor does it end the search: the next is asked, and where nobody is left it is said."""

    def hang_up(_words: Words) -> None:
        servers[0].peers[-1].transport.abort()

    servers[0].answer = hang_up
    servers[1].answer = sentinel(master())
    assert await sentinels_of(servers).ask() == SERVED
    servers[1].answer = node()
    assert await cluster_of(servers).ask() == SERVED
    for search in (sentinels_of(servers[:1]), cluster_of(servers[:1])):
        with pytest.raises(LogUnavailable, match=f"127.0.0.1:{servers[0].port}: .+"):
            await search.ask()
