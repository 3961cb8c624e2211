"""Requests as they may come: behind one another, with bodies nobody wants, with other offers."""

from __future__ import annotations

import httpx
import pytest

from support.live import Live
from support.raw_http import answers_in, connect
from support.waiting import wait_until

HEALTH = "GET /healthz HTTP/1.1\nHost: x\n\n"
LAST = "GET /healthz HTTP/1.1\nHost: x\nConnection: close\n\n"
TICK = '{"type":"tick"}'
HANDSHAKE = (
    "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
)


def stream(project: str, *, method: str = "GET", more: str = "") -> str:
    """A stream that ends by itself, if the project has a terminal event."""
    return (
        f"{method} /api/v1/projects/{project}/stream?from=earliest&until=end HTTP/1.1\n"
        f"Host: x\n{more}\n"
    )


def publish(project: str, body: str = TICK, more: str = "") -> str:
    return (
        f"POST /api/v1/projects/{project}/events HTTP/1.1\nHost: x\n"
        f"Content-Length: {len(body)}\n{more}\n{body}"
    )


@pytest.fixture
async def over(live_server: Live, project: str) -> str:
    """A project whose only job is over."""
    async with connect(live_server) as client:
        client.send(publish(project, '{"type":"completed"}', "Connection: close\n"))
        assert b" 201 " in await client.until(b"\r\n")
    return project


# Requests behind one another (RFC 9112, section 9.3.2)


async def test_requests_in_one_write_are_answered_whole_and_in_order(
    live_server: Live, over: str
) -> None:
    """A stream among them is no exception, nor are two."""
    poll = (
        f"GET /api/v1/projects/{over}/events?wait=0.2&after=9999999999999-0 HTTP/1.1\nHost: x\n\n"
    )
    requests = [
        stream(over),
        HEALTH,
        publish(f"{over}-2"),
        stream(over),
        stream(over),
        poll,
        stream(over),
        LAST,
    ]
    async with connect(live_server) as client:
        client.send("".join(requests))
        answers = answers_in(await client.rest())
    assert [answer.status for answer in answers] == [200, 200, 201, 200, 200, 200, 200, 200]
    assert all(answer.whole for answer in answers)
    for number in (0, 3, 4, 6):
        body = answers[number].body
        assert body.startswith(b"event: connected\n")
        assert b"event: completed\n" in body
        assert b"event: end\n" in body
    assert answers[1].json() == answers[7].json() == {"status": "ok"}


async def test_a_stream_after_a_head_request_is_whole(live_server: Live, over: str) -> None:
    async with connect(live_server) as client:
        client.send(stream(over, method="HEAD") + stream(over) + LAST)
        head, rest = (await client.rest()).split(b"\r\n\r\n", 1)
    assert b" 200 " in head
    answers = answers_in(rest)
    assert [answer.whole for answer in answers] == [True, True]
    assert b"event: end\n" in answers[0].body


@pytest.mark.parametrize("more", ["", "Accept-Encoding: gzip\n"])
async def test_the_head_of_a_stream_says_what_a_stream_does_and_no_length(
    live_server: Live, over: str, more: str
) -> None:
    """A length would be one that the stream does not have (RFC 9110, section 8.6)."""
    names = []
    for method in ("HEAD", "GET"):
        async with connect(live_server) as client:
            client.send(stream(over, method=method).replace("\n\n", f"\n{more}\n", 1))
            head = await client.until(b"\r\n\r\n")
        lines = head.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
        names.append(sorted(line.split(b":")[0] for line in lines))
    assert names[0] == [name for name in names[1] if name != b"transfer-encoding"]
    assert b"content-length" not in names[0]


async def test_half_of_a_request_behind_a_stream_waits_for_its_other_half(
    live_server: Live, over: str
) -> None:
    """Wherever it is cut."""
    for cut in range(1, len(LAST)):
        async with connect(live_server) as client:
            client.send(stream(over) + LAST[:cut])
            await client.until(b"\r\n0\r\n\r\n")
            client.send(LAST[cut:])
            (answer,) = answers_in(await client.rest())
            assert answer.json() == {"status": "ok"}


async def test_requests_are_answered_however_they_are_cut_into_packets(
    live_server: Live, over: str
) -> None:
    """Byte by byte, too: a body in chunks, a stream, and the next request."""
    chunked = (
        f"POST /api/v1/projects/{over}-3/events HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n"
        'A\n{"type":"t\n5\nick"}\n0\nX-Trailer: y\n\n'
    )
    async with connect(live_server) as client:
        for byte in (chunked + stream(over) + LAST).replace("\n", "\r\n").encode():
            client.send(bytes((byte,)))
            await client.writer.drain()
        answers = answers_in(await client.rest())
    assert [answer.status for answer in answers] == [201, 200, 200]
    assert b"event: end\n" in answers[1].body


async def test_a_websocket_may_follow_a_stream(live_server: Live, over: str) -> None:
    """The upgrade is the next request like any other; what is sent behind it is not lost."""
    ping = bytes((0x81, 0x84, 0, 0, 0, 0)) + b"ping"
    async with connect(live_server) as client:
        upgrade = f"GET /api/v1/projects/{over}/stream HTTP/1.1\nHost: x\n{HANDSHAKE}\n"
        client.send((stream(over) + upgrade).replace("\n", "\r\n").encode() + ping)
        assert b"event: end\n" in await client.until(b"\r\n0\r\n\r\n")
        assert b" 101 " in await client.until(b"\r\n\r\n")
        await client.until(b'{"type":"pong"}')


async def test_what_is_no_request_behind_a_stream_is_refused_after_it(
    live_server: Live, over: str
) -> None:
    """Not inside of it."""
    async with connect(live_server) as client:
        client.send(stream(over) + "BREW / HTTP/1.1\n\n")
        first, second = answers_in(await client.rest())
    assert first.whole
    assert b"event: end\n" in first.body
    assert (second.status, second.json()["code"]) == (400, "invalid_request")


# Bodies that nobody wants


async def is_missed(live: Live, project: str) -> None:
    """Wait until the server has no reader of `project`."""

    async def readers() -> int:
        async with connect(live) as client:
            client.send(
                f"GET /api/v1/ws/projects/{project}/connections HTTP/1.1\nHost: x\n"
                "Connection: close\n\n"
            )
            (answer,) = answers_in(await client.rest())
            return int(answer.json()["active_connections"])

    async def nobody() -> bool:
        return not await readers()

    await wait_until(nobody, "the reader was never missed")


BODY = "x" * 70_000
BODIES = {
    "a length": f"Content-Length: {len(BODY)}\n\n{BODY}",
    "chunks": f"Transfer-Encoding: chunked\n\n{len(BODY):x}\n{BODY}\n0\n\n",
    "half of it": f"Content-Length: {2 * len(BODY)}\n\n{BODY}",
    "a megabyte": f"Content-Length: {15 * len(BODY)}\n\n{15 * BODY}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_reader_that_sent_a_body_is_missed_when_it_leaves(
    live_server: Live, project: str, body: str
) -> None:
    """Its body is thrown away, and never keeps the server from reading on."""
    async with connect(live_server) as client:
        client.send(f"GET /api/v1/projects/{project}/stream HTTP/1.1\nHost: x\n{body}")
        await client.until(b"caught_up")
    await is_missed(live_server, project)


async def test_a_body_that_comes_later_is_no_next_request(live_server: Live, over: str) -> None:
    """Whether it comes in time, or the stream is over first."""
    async with connect(live_server) as client:
        client.send(stream(over, more="Content-Length: 5\n"))
        assert b"event: end\n" in await client.until(b"0\r\n\r\n")
        client.send("hello")
        assert await client.rest() == b""


async def test_a_body_that_comes_during_a_stream_is_its_own(
    live_server: Live, project: str
) -> None:
    """The connection serves its next request."""
    async with connect(live_server) as client:
        client.send(
            f"GET /api/v1/projects/{project}/stream?until=end HTTP/1.1\nHost: x\n"
            "Content-Length: 5\n\n"
        )
        await client.until(b"caught_up")
        client.send("hello" + LAST)
        async with connect(live_server) as publisher:
            publisher.send(publish(project, '{"type":"completed"}'))
            await publisher.until(b"\r\n")
        assert b"event: end\n" in await client.until(b"\r\n0\r\n\r\n")
        (answer,) = answers_in(await client.rest())
    assert answer.json() == {"status": "ok"}


async def test_a_body_that_waits_to_be_asked_for_is_not_waited_for(
    live_server: Live, over: str
) -> None:
    """``Expect: 100-continue``: the answer is final, and so is the connection."""
    expecting = "Content-Length: 5\nExpect: 100-continue\n"
    for request in (
        stream(over, more=expecting),
        f"GET /healthz HTTP/1.1\nHost: x\n{expecting}\n",
        f"POST /nothing HTTP/1.1\nHost: x\n{expecting}\n",
    ):
        async with connect(live_server) as client:
            client.send(request)
            (answer,) = answers_in(await client.rest())
            assert answer.whole
            assert answer.status in {200, 404}


async def test_a_body_that_is_asked_for_is_read(live_server: Live, project: str) -> None:
    """``100 Continue`` comes first; the connection goes on."""
    async with connect(live_server) as client:
        client.send(
            f"POST /api/v1/projects/{project}/events HTTP/1.1\nHost: x\n"
            f"Content-Length: {len(TICK)}\nExpect: 100-continue\n\n"
        )
        assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(TICK + LAST)
        answers = answers_in(await client.rest())
    assert [answer.status for answer in answers] == [201, 200]


async def test_chunks_that_are_none_leave_a_stream_alone(live_server: Live, project: str) -> None:
    """The connection ends with it, and without another word."""
    async with connect(live_server) as client:
        client.send(
            f"GET /api/v1/projects/{project}/stream?until=end HTTP/1.1\nHost: x\n"
            "Transfer-Encoding: chunked\n\n"
        )
        await client.until(b"caught_up")
        client.send("no chunk\n\n" + LAST)
        async with connect(live_server) as publisher:
            publisher.send(publish(project, '{"type":"completed"}'))
            await publisher.until(b"\r\n")
        rest = await client.rest()
    assert b"event: end\n" in rest
    assert rest.endswith(b"\r\n0\r\n\r\n")


async def test_chunks_that_are_none_are_refused_before_a_stream_begins(
    live_server: Live, over: str
) -> None:
    """As anywhere."""
    async with connect(live_server) as client:
        client.send(stream(over, more="Transfer-Encoding: chunked\n") + "no chunk\n\n" + LAST)
        (answer,) = answers_in(await client.rest())
    assert (answer.status, answer.json()["code"]) == (400, "invalid_request")


# Other offers (RFC 9110, section 7.8)

OFFERS = [
    "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\n",
    "Connection: upgrade\nUpgrade: h2c\n",
    "Connection: keep-alive, Upgrade\nUpgrade: TLS/1.0\n",
    "Connection: Upgrade\nUpgrade: h2c, websocket\n",
    "Connection: Upgrade\nUpgrade: h2c\nUpgrade: foo/2\n",
    "Connection: keep-alive\nConnection: Upgrade\nUpgrade: h2c\n",
    "Upgrade: h2c\n",
    "Upgrade: websocket\n",
]


@pytest.mark.parametrize("offer", [*OFFERS, HANDSHAKE], ids=lambda offer: offer.replace("\n", ";"))
async def test_an_offer_that_is_not_taken_means_nothing_to_a_publish(
    live_server: Live, project: str, offer: str
) -> None:
    """The body is read as ever, in one piece or in two, and the connection goes on."""
    chunked = (
        f"POST /api/v1/projects/{project}/events HTTP/1.1\nHost: x\n{offer}"
        f"Transfer-Encoding: chunked\n\n{len(TICK):x}\n{TICK}\n0\n\n"
    )
    async with connect(live_server) as client:
        head, body = publish(project, more=offer).split("\n\n")
        client.send(f"{head}\n\n")
        await client.writer.drain()
        client.send(body + publish(project, more=offer) + chunked + LAST)
        answers = answers_in(await client.rest())
    assert [answer.status for answer in answers] == [201, 201, 201, 200]


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.replace("\n", ";"))
async def test_an_offer_that_is_not_taken_means_nothing_to_a_get(
    live_server: Live, over: str, offer: str
) -> None:
    """A page, a poll or a stream."""
    get = f"GET /healthz HTTP/1.1\nHost: x\n{offer}\n"
    async with connect(live_server) as client:
        client.send(get + stream(over, more=offer) + LAST)
        answers = answers_in(await client.rest())
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert b"event: end\n" in answers[1].body


async def test_a_websocket_among_other_offers_is_taken(live_server: Live, project: str) -> None:
    """If it is a whole handshake: a server may choose."""
    more = HANDSHAKE.replace("Upgrade: websocket", "Upgrade: h2c, websocket")
    async with connect(live_server) as client:
        client.send(f"GET /api/v1/projects/{project}/stream HTTP/1.1\nHost: x\n{more}\n")
        assert b" 101 " in await client.until(b"\r\n\r\n")
        await client.until(b'"type":"connected"')


async def test_a_tunnel_is_refused(live_server: Live) -> None:
    """CONNECT is for proxies."""
    async with connect(live_server) as client:
        client.send("CONNECT x:1 HTTP/1.1\nHost: x:1\n\n" + LAST)
        (answer,) = answers_in(await client.rest())
    assert (answer.status, answer.json()["code"]) == (400, "invalid_request")


# Targets that name their host (RFC 9112, section 3.2.2)


@pytest.mark.parametrize("more", [HANDSHAKE, ""], ids=["websocket", "sse"])
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("http://localhost", None),
        ("HTTP://LocalHost:8000", None),
        ("ws://user:pw@127.0.0.1", None),
        ("http://elsewhere.example", 421),
        ("http://localhost:99999", 400),
    ],
)
async def test_a_target_may_name_its_host_which_counts_and_not_the_field(
    live_server: Live, over: str, host: str, status: int | None, more: str
) -> None:
    async with connect(live_server) as client:
        client.send(
            f"GET {host}/api/v1/projects/{over}/stream?from=earliest HTTP/1.1\n"
            f"Host: localhost\n{more}\n"
        )
        answer = await client.until(b"\r\n\r\n")
        if status is None:
            status = 101 if more else 200
            await client.until(b'"caught_up"')
    assert answer.startswith(b"HTTP/1.1 %d " % status)


async def test_a_target_of_a_host_alone_is_its_root(live_server: Live) -> None:
    async with connect(live_server) as client:
        client.send("GET http://localhost HTTP/1.1\nHost: elsewhere\nConnection: close\n\n")
        (answer,) = answers_in(await client.rest())
    assert answer.status == 200


@pytest.mark.parametrize("hosts", ["", "Host: localhost\nHost: localhost\n"])
async def test_it_takes_the_place_of_one_host_and_of_no_other_number(
    live_server: Live, hosts: str
) -> None:
    async with connect(live_server) as client:
        client.send(f"GET http://localhost/healthz HTTP/1.1\n{hosts}Connection: close\n\n")
        (answer,) = answers_in(await client.rest())
    assert answer.status == 400


# HTTP/1.0


@pytest.mark.parametrize(
    "more",
    ["", "Connection: keep-alive\n", "Connection: close\n", "Accept-Encoding: gzip, zstd\n"],
)
async def test_an_http_1_0_client_gets_no_chunks(live_server: Live, over: str, more: str) -> None:
    """And nothing compressed: the end of the connection is that of the stream, said once."""
    async with connect(live_server) as client:
        client.send(
            f"GET /api/v1/projects/{over}/stream?from=earliest&until=end HTTP/1.0\n"
            f"Host: localhost\n{more}\n"
        )
        head, body = (await client.rest()).split(b"\r\n\r\n", 1)
    fields = [line.lower() for line in head.split(b"\r\n")]
    assert b" 200 " in fields[0]
    assert [line for line in fields if line.startswith(b"connection:")] == [b"connection: close"]
    assert b"transfer-encoding" not in head.lower()
    assert body.startswith(b"event: connected\n")
    assert body.rstrip(b"\n").splitlines()[-1].startswith(b"data: ")
    assert b"event: end\n" in body


async def test_a_reader_that_has_seen_the_end_gets_204_over_http_1_0_too(
    live_server: Live, over: str
) -> None:
    """And nothing after its head, though a stream was meant."""
    path = f"/api/v1/projects/{over}"
    async with httpx.AsyncClient(base_url=live_server.url) as poller:
        (event,) = (await poller.get(f"{path}/events")).json()["events"]
    async with connect(live_server) as client:
        client.send(f"GET {path}/stream?last_event_id={event['id']}&until=end HTTP/1.0\n\n")
        head, body = (await client.rest()).split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 204 ")
    assert body == b""
