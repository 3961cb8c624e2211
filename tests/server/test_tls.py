"""TLS of our own: a real server, whose certificate is replaced while it serves."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from streamer.client import follow
from support.certificate import AUTHORITY, Authority, Certificate
from support.live import Live, StartLive
from support.processes import streamer
from support.servers import Server
from support.waiting import DEADLINE, wait_until, wait_until_blocking


@pytest.fixture
def authority(short_dir: Path) -> Authority:
    return Authority(short_dir)


@pytest.fixture
def certificate(authority: Authority) -> Certificate:
    return authority.issue()


@pytest.fixture(scope="module")
def authority_of_all() -> Iterator[Authority]:
    with TemporaryDirectory(prefix="st-") as directory:
        yield Authority(Path(directory))


@pytest.fixture(scope="module")
def secure(authority_of_all: Authority, _server_of: Callable[[str], Server]) -> Iterator[Live]:
    """A server of all these tests, that is not broken."""
    certificate = authority_of_all.issue()
    live = Live(
        "fast",
        _server_of("redis").url,
        certificate.chain.parent,
        STREAMER_HEAD_TIMEOUT="3",
        **certificate.settings(),
    )
    try:
        live.start()
        yield live
    finally:
        live.stop()


class Stream:
    """One SSE stream over TLS, by hand.

    Attributes:
        serial: of the certificate that the server showed.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, verify: ssl.SSLContext
    ) -> None:
        self.reader, self.writer, self.verify = reader, writer, verify
        self.serial = writer.get_extra_info("peercert")["serialNumber"]

    async def has(self, text: str) -> None:
        await asyncio.wait_for(self.reader.readuntil(text.encode()), DEADLINE)


@asynccontextmanager
async def stream_of(live: Live, project: str) -> AsyncIterator[Stream]:
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port, ssl=live.verify)
    try:
        path = f"/api/v1/projects/{project}/stream"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{live.port}\r\n\r\n".encode())
        stream = Stream(reader, writer, live.verify)
        await stream.has("caught_up")
        yield stream
    finally:
        writer.transport.abort()


def publish(live: Live, project: str, text: str) -> None:
    url = f"{live.url}/api/v1/projects/{project}/events"
    body = {"type": "note", "text": text}
    own = {"Origin": live.url}
    answer = httpx.post(url, json=body, headers=own, verify=live.verify)
    assert answer.status_code == 201, answer.text


def serial_of(live: Live) -> str:
    """The serial number of the certificate that a new connection gets."""
    with (
        socket.create_connection(("127.0.0.1", live.port)) as plain,
        live.verify.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        found = secured.getpeercert()
    assert found is not None
    return str(found["serialNumber"])


async def test_streams_sockets_and_publishers_speak_tls(secure: Live, project: str) -> None:
    """On the fast path, which many readers share their bytes on."""
    url = f"{secure.ws_url}/api/v1/projects/{project}/stream"
    async with (
        stream_of(secure, project) as first,
        stream_of(secure, project) as second,
        connect(url, ssl=secure.verify, origin=Origin(secure.url), proxy=None) as over_socket,
    ):
        while "caught_up" not in str(await asyncio.wait_for(over_socket.recv(), DEADLINE)):
            pass
        for n in range(3):
            await asyncio.to_thread(publish, secure, project, f"note-{n}")
            for stream in (first, second):
                await stream.has(f"note-{n}")
            assert f"note-{n}" in str(await asyncio.wait_for(over_socket.recv(), DEADLINE))
        tls = first.writer.get_extra_info("ssl_object")
        assert tls.version() == "TLSv1.3"


def test_an_old_version_is_refused_and_http_1_1_agreed_on(secure: Live) -> None:
    def agreed(context: ssl.SSLContext) -> str | None:
        with (
            socket.create_connection(("127.0.0.1", secure.port)) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            return secured.selected_alpn_protocol()

    secure.verify.set_alpn_protocols(["h2", "http/1.1"])
    assert agreed(secure.verify) == "http/1.1"
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        agreed(old)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_new_certificate_is_for_new_connections(
    start_live: StartLive,
    authority: Authority,
    certificate: Certificate,
    project: str,
    workers: str,
) -> None:
    """After SIGHUP, in every process, and a broken pair changes nothing; old streams go on."""
    live = start_live(**certificate.settings(), STREAMER_WORKERS=workers)
    program = live.program
    assert program is not None
    async with stream_of(live, project) as stream:
        before = serial_of(live)
        assert before == stream.serial
        kept = certificate.key.read_bytes()
        other = authority.issue("other")
        shutil.copy(other.key, certificate.key)
        program.signal(signal.SIGHUP)
        await wait_until(
            lambda: "not replaced" in program.err and "STREAMER_TLS_KEY" in program.err,
            "the broken pair was not named",
        )
        assert {serial_of(live) for _ in range(8)} == {before}
        certificate.key.write_bytes(kept)
        authority.issue()
        program.signal(signal.SIGHUP)

        def replaced() -> bool:
            found = {serial_of(live) for _ in range(8)}
            return len(found) == 1 and found != {before}

        await wait_until(replaced, "the new certificate is not used everywhere")
        await asyncio.to_thread(publish, live, project, "still-here")
        await stream.has("still-here")
    assert program.running


def test_a_certificate_that_is_renewed_in_its_place_is_seen_by_itself(
    secure: Live, authority_of_all: Authority
) -> None:
    """As what renews them does, which may not know whom to tell."""
    before = serial_of(secure)
    authority_of_all.issue()
    wait_until_blocking(lambda: serial_of(secure) != before, "it was not seen")


def test_plain_http_is_answered_with_what_is_meant(secure: Live) -> None:
    answer = httpx.get(f"http://127.0.0.1:{secure.port}/healthz")
    assert answer.status_code == 400
    assert "ask by https" in answer.json()["detail"]


@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"])
def test_a_client_that_stops_in_the_handshake_is_cut_off(secure: Live, sent: bytes) -> None:
    """And holds nothing up, though there are many."""
    with ExitStack() as stack:
        peers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", secure.port), 20))
            for _ in range(20)
        ]
        for peer in peers:
            peer.sendall(sent)
        assert httpx.get(f"{secure.url}/healthz", verify=secure.verify).is_success
        for peer in peers:
            with contextlib.suppress(ConnectionResetError):
                assert peer.recv(64) in {b"", b"\x15\x03\x03\x00\x02\x02\x46"}


def test_bytes_that_come_one_by_one_are_a_handshake_too(secure: Live) -> None:
    """And a request that comes in one piece with the handshake's end is read."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = secure.verify.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", secure.port), 20) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        done = False
        while not done:
            try:
                tls.do_handshake()
                done = True
                tls.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            except ssl.SSLWantReadError:
                pass
            data = outgoing.read()
            if done:
                peer.sendall(data)
            else:
                for byte in data:
                    peer.sendall(bytes((byte,)))
                incoming.write(peer.recv(65536))
        answer = b""
        while b'"ok"' not in answer:
            incoming.write(peer.recv(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                while record := tls.read(65536):
                    answer += record
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_reader_that_takes_nothing_is_cut_off(
    start_live: StartLive, certificate: Certificate, project: str
) -> None:
    """As over plain HTTP: what it does not take is counted, where it is encrypted too."""
    live = start_live(**certificate.settings(), STREAMER_SEND_TIMEOUT="2")
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", live.port))
    with live.verify.wrap_socket(plain, server_hostname="127.0.0.1") as reader:
        path = f"/api/v1/projects/{project}/stream"
        reader.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())

        def connected() -> int:
            url = f"{live.url}/api/v1/ws/projects/{project}/connections"
            return int(httpx.get(url, verify=live.verify).json()["active_connections"])

        wait_until_blocking(lambda: connected() == 1, "it did not connect")
        for _ in range(100):
            publish(live, project, "x" * 50_000)
        wait_until_blocking(lambda: connected() == 0, "it was not cut off")


def test_clients_and_commands_trust_the_authority_of_the_environment(
    secure: Live, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody trusts a server whose authority they do not know."""
    authority = Path(secure.environ["STREAMER_TLS_CERT"]).parent / AUTHORITY
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    publish(secure, project, "hello")
    with follow(secure.url, f"projects/{project}", start="earliest") as events:
        while next(events).type != "note":
            pass
    arguments = ("tail", f"projects/{project}", "--url", secure.url, "--from", "earliest")
    with streamer(*arguments) as tail:
        tail.wait_for("hello")
    with streamer(*arguments, environ={"SSL_CERT_FILE": ""}) as stranger:
        stranger.wait_for("not trusted")


def test_the_server_says_its_address_with_the_name_of_its_certificate(secure: Live) -> None:
    assert secure.program is not None
    secure.program.wait_for(rf"Serving at https://localhost:{secure.port}$")


def test_a_certificate_that_expires_is_warned_about(
    start_live: StartLive, authority: Authority
) -> None:
    soon = authority.issue(until=datetime.now(UTC) + timedelta(days=3, hours=1))
    live = start_live(**soon.settings())
    assert live.program is not None
    live.program.wait_for("STREAMER_TLS_CERT expires in 3 days")


@pytest.mark.parametrize("command", ["serve", "run"])
def test_a_server_does_not_start_with_a_certificate_that_cannot_be_used(
    certificate: Certificate, short_dir: Path, command: str
) -> None:
    environ = {
        "STREAMER_TLS_CERT": str(certificate.chain),
        "STREAMER_TLS_KEY": str(short_dir / "none.key"),
        "STREAMER_DATA_DIR": str(short_dir),
        "STREAMER_REDIS_URL": "redis://127.0.0.1:1",
        "STREAMER_PORT": "0",
    }
    with streamer(command, environ=environ) as program:
        assert program.wait() == 1
        assert f"STREAMER_TLS_KEY ({short_dir / 'none.key'}) cannot be read" in program.err
