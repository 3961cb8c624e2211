"""What is unread is exact over real servers that are killed, and a Redis that is."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from streamer.events.cursor import Cursor
from support.live import Live
from support.servers import Server
from support.unread_model import UnreadModel
from support.waiting import wait_until_blocking

KEPT: Final = 6
TOPICS: Final = ("chats/a", "users/b")
SUBJECTS: Final = tuple(f"reader{n}" for n in range(6))
#: Between two crashes.
STEPS: Final = 12


class Story:
    """Two servers of one log, a client that asks again while they are away, and the model."""

    def __init__(self, seed: int, servers: list[Live], redis: Server) -> None:
        self._chance: Final = random.Random(seed)
        self._servers: Final = servers
        self._redis: Final = redis
        self._model: Final = UnreadModel(TOPICS, KEPT)
        # A connection for each request: a server that was killed has none.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client: Final = httpx.Client(limits=limits)

    def play(self) -> None:
        """Publish and mark through either server; after each crash all is as it was."""
        crashes: list[Callable[[], None]] = [self._crash_redis, self._crash_server] * 2
        self._chance.shuffle(crashes)
        for crash in crashes:
            for _ in range(STEPS):
                self._chance.choice((self._publish, self._mark, self._mark))()
            self.check()
            crash()
            self.check()
        self._client.close()

    def check(self) -> None:
        """Ask how far each has read each topic: one of the servers, whichever."""
        for topic in TOPICS:
            for subject in SUBJECTS:
                url = f"{self._chance.choice(self._servers).url}/api/v1/topics/{topic}/cursor"
                told = self._until_answered("GET", url, params={"reader": subject})
                state = self._model.state(topic, subject)
                cursor = None if state.cursor is None else str(state.cursor)
                assert (told["cursor"], told["unread"]) == (cursor, state.unread)

    def _publish(self) -> None:
        topic, counts = self._chance.choice(TOPICS), self._chance.random() < 0.7
        body = {"topic": topic, "type": "message" if counts else "transcode_progress"}
        key = {"Idempotency-Key": secrets.token_hex(8)}
        url = f"{self._chance.choice(self._servers).url}/api/v1/events"
        told = self._until_answered("POST", url, json=body, headers=key)
        self._model.published(topic, Cursor.parse(told["id"]), counts=counts)

    def _mark(self) -> None:
        """As two devices of one reader do: each through its server, one of them late."""
        if not self._model.ids:
            return
        topic, subject = self._chance.choice(TOPICS), self._chance.choice(SUBJECTS)
        for live in self._servers:
            to = self._chance.choice(self._model.ids[-3 * KEPT :])
            body = {"cursor": str(to), "reader": subject}
            url = f"{live.url}/api/v1/topics/{topic}/cursor"
            told = self._until_answered("PUT", url, json=body)
            self._model.marked(topic, subject, to)
            assert told["unread"] == self._model.state(topic, subject).unread

    def _crash_redis(self) -> None:
        self._redis.kill()
        self._redis.start()

    def _crash_server(self) -> None:
        live = self._chance.choice(self._servers)
        live.kill()
        live.start()

    def _until_answered(
        self,
        method: str,
        url: str,
        **asked: Any,  # noqa: ANN401 - as httpx has it
    ) -> dict[str, Any]:
        """The answer; a server whose Redis is away says 503, and is asked again."""

        def answer() -> httpx.Response | None:
            given = self._client.request(method, url, **asked)
            return None if given.status_code == httpx.codes.SERVICE_UNAVAILABLE else given

        given = wait_until_blocking(answer, "the server did not find its Redis again")
        assert given is not None
        assert given.is_success, given.text
        told: dict[str, Any] = given.json()
        return told


@pytest.mark.parametrize("seed", range(2))
def test_what_is_unread_is_exact_over_crashes_of_servers_and_of_redis(
    own_server: Server, short_dir: Path, seed: int
) -> None:
    """Of six readers with two devices each, on topics that are trimmed."""
    with ExitStack() as stack:
        prefix = f"test-{secrets.token_hex(6)}"
        servers = []
        for number in range(2):
            directory = short_dir / str(number)
            live = Live(
                "fast",
                own_server.url,
                directory,
                STREAMER_PREFIX=prefix,
                STREAMER_RETENTION=f"chats={KEPT}:1h,users={KEPT}:1h",
            )
            stack.callback(live.stop)
            live.start()
            servers.append(live)
        Story(seed, servers, own_server).play()
