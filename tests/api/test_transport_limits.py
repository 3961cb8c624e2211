"""Limits over the wire: what is refused, and that it is told with when to come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from support.live import Live, StartLive
from support.waiting import DEADLINE, wait_until_blocking

PATHS = pytest.mark.parametrize("path", ["fast", "portable"])


class Streams:
    """Streams that are held open, until the test is over."""

    def __init__(self, live: Live, stack: ExitStack) -> None:
        self._stack = stack
        self._url = f"{live.url}/api/v1/projects/p/stream"
        self._held: list[Iterator[str]] = []
        self._client = stack.enter_context(httpx.Client())

    def open(self, token: str | None = None) -> httpx.Response:
        """Open one, as whoever has `token`."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        stream = self._client.stream("GET", self._url, headers=headers)
        return self._stack.enter_context(stream)

    def reconnect_of(self, stream: httpx.Response) -> dict[str, Any] | None:
        """What a stream says that is told to come back; None if it was opened."""
        assert stream.status_code == httpx.codes.OK, "503 is final for an EventSource"
        lines = stream.iter_lines()
        self._held.append(lines)  # httpx closes a stream that nobody reads any more
        data = next(line for line in lines if line.startswith("data: "))
        body: dict[str, Any] = json.loads(data.removeprefix("data: "))
        return body if body["type"] == "reconnect" else None


def problem(answer: httpx.Response) -> dict[str, Any]:
    answer.read()
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    return told


@PATHS
@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("STREAMER_MAX_CONNECTIONS", "this process has 2 readers"),
        ("STREAMER_MAX_CONNECTIONS_PER_CLIENT", "127.0.0.1 has 2 connections"),
    ],
)
def test_one_connection_too_many_is_refused_with_when_to_come_back(
    start_live: StartLive, path: str, setting: str, told: str
) -> None:
    """And is welcome when another has gone."""
    live = start_live(path, **{setting: "2"})
    with ExitStack() as stack:
        streams = Streams(live, stack)
        first, second = streams.open(), streams.open()
        assert [first.status_code, second.status_code] == [200, 200]
        third = streams.reconnect_of(streams.open())
        assert third is not None
        assert third["code"] == "too_many_connections"
        assert told in third["detail"]
        assert 2000 <= third["retry_ms"] <= 4000
        first.close()
        wait_until_blocking(
            lambda: streams.reconnect_of(streams.open()) is None, "no place was free again"
        )


def test_readers_with_one_token_are_counted_together(start_live: StartLive) -> None:
    """Whoever has another token, or none, is not affected; the token is not repeated."""
    live = start_live(STREAMER_MAX_CONNECTIONS_PER_SUBJECT="1")
    with ExitStack() as stack:
        streams = Streams(live, stack)
        assert streams.reconnect_of(streams.open("secret-1")) is None
        refused = streams.reconnect_of(streams.open("secret-1"))
        assert refused is not None
        detail = refused["detail"]
        assert "has 1 connections" in detail
        assert "secret" not in detail
        assert streams.reconnect_of(streams.open("secret-2")) is None
        assert streams.reconnect_of(streams.open()) is None


@PATHS
def test_a_websocket_too_many_is_told_in_a_frame_and_a_close_code(
    start_live: StartLive, path: str
) -> None:
    """1013, try again later: a browser cannot read the status of a refused handshake."""
    live = start_live(path, STREAMER_MAX_CONNECTIONS="1")
    url = f"{live.ws_url}/api/v1/projects/p/stream"
    with connect(url) as first:
        ready(first)
        with connect(url) as second:
            frame = json.loads(second.recv())
            assert (frame["type"], frame["code"]) == ("refused", "too_many_connections")
            assert frame["retry"] is True
            with pytest.raises(ConnectionClosed) as closed:
                second.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013


def test_who_publishes_too_often_is_told_when_to_try_again(start_live: StartLive) -> None:
    """Ten times the rate passes at once; then 429."""
    live = start_live(STREAMER_PUBLISH_RATE="0.5")
    url = f"{live.url}/api/v1/projects/p/events"
    with httpx.Client() as client:
        answers = [client.post(url, json={"type": "tick"}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [201] * 5 + [429]
        assert 1 <= int(answers[5].headers["retry-after"]) <= 2
        assert problem(answers[5])["code"] == "too_many_requests"
        stored = client.get(url).json()["events"]
    assert len(stored) == 5


def test_an_event_of_several_topics_counts_for_each_of_them(start_live: StartLive) -> None:
    """One named twice is one."""
    live = start_live(STREAMER_PUBLISH_RATE="0.5")
    url = f"{live.url}/api/v1/events"
    bodies = [
        {"type": "tick", "topics": ["a", "b", "a"]},
        {"type": "tick", "topics": ["a", "b", "c"]},
        {"type": "tick", "topic": "a"},
    ]
    with httpx.Client() as client:
        answers = [client.post(url, json=body) for body in bodies]
    assert [answer.status_code for answer in answers] == [201, 201, 429]


def test_jobs_are_queued_at_a_rate_of_their_own(start_live: StartLive) -> None:
    """Of an address or a token; what is refused is refused unread."""
    live = start_live(STREAMER_JOB_RATE="0.2")
    url = f"{live.url}/api/v1/projects/p/jobs"
    with httpx.Client() as client:
        answers = [client.post(url, json={"kind": "none"}) for _ in range(3)]
        assert client.post(f"{live.url}/api/v1/projects/p/events", json={"type": "tick"}).is_success
    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert "you queue jobs too often" in problem(answers[2])["detail"]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 5


def test_one_token_publishes_at_one_rate_from_wherever(start_live: StartLive) -> None:
    """The rate of a token holds beside that of the address."""
    live = start_live(STREAMER_PUBLISH_RATE="0.5")
    url = f"{live.url}/api/v1/projects/p/events"
    with httpx.Client(headers={"Authorization": "Bearer secret"}) as client:
        codes = [client.post(url, json={"type": "tick"}).status_code for _ in range(6)]
    assert codes == [201] * 5 + [429]


@PATHS
def test_commands_beyond_the_rate_wait_and_none_is_lost(start_live: StartLive, path: str) -> None:
    """A client that sends too much is slowed, not cut."""
    live = start_live(path, STREAMER_COMMAND_RATE="1000")
    with connect(f"{live.ws_url}/api/v1/projects/p/stream") as client:
        ready(client)
        for _ in range(400):
            client.send("ping")
        assert [client.recv(timeout=DEADLINE) for _ in range(400)] == ['{"type":"pong"}'] * 400


@PATHS
def test_topics_beyond_the_limit_are_refused_and_the_connection_lives(
    start_live: StartLive, path: str
) -> None:
    """In the URL with 400, in a command with an error frame."""
    live = start_live(path, STREAMER_MAX_TOPICS="2")
    too_many = httpx.get(f"{live.url}/api/v1/stream?topic=a&topic=b&topic=c")
    assert too_many.status_code == httpx.codes.BAD_REQUEST
    assert "1 to 2" in problem(too_many)["detail"]
    with connect(f"{live.ws_url}/api/v1/stream?topic=a&topic=b") as client:
        ready(client)
        client.send('{"type":"subscribe","topic":"c"}')
        frame = json.loads(client.recv())
        assert (frame["type"], frame["code"]) == ("refused", "invalid_topic")
        client.send("ping")
        assert client.recv() == '{"type":"pong"}'


def ready(client: ClientConnection) -> None:
    while json.loads(client.recv())["type"] != "caught_up":
        pass
