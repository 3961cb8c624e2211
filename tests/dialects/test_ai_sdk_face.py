"""The AI SDK's addresses: a stream ends when the answer has, and is cut by everything else."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from streamer.access.claims import grants_of
from streamer.access.issue import Issuer
from streamer.chats.said import MESSAGE
from streamer.config.settings import Settings
from streamer.events.new_event import new_event
from streamer.publishing.answer_events import AnswerEvents
from support.speaking import CHAT, Speaker
from support.stage import Peer, Stage
from support.ui_message import UiClient

URL: Final = "/api/v1/ai/chats/42/stream"
SECRET: Final = "0123456789abcdef" * 2


@pytest.fixture
def stage() -> Iterator[Stage]:
    opened = Stage()
    yield opened
    opened.end()


class Tab:
    """A page that reads the answer: it resumes when it was cut, and knows nothing else."""

    def __init__(self, stage: Stage, token: str | None = None) -> None:
        self.client: Final = UiClient()
        self._stage: Final = stage
        self._headers: Final = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._came = 0
        self._cuts = 0
        self.come()

    def come(self) -> None:
        self.client.resume()
        self._came = 0
        self.peer = Peer(self._stage, URL, self._headers)

    def look(self) -> None:
        """Read what has come; an end that says nothing of the answer is a lie."""
        head, _, body = self.peer.take().partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            return
        text, is_whole = _of_chunks(head, body)
        self.client.feed(text[self._came :])
        self._came = len(text)
        assert is_whole == self.client.is_done

    @property
    def status(self) -> int | None:
        head = self.peer.take()
        return int(head.split(b" ")[1]) if head else None

    @property
    def is_cut(self) -> bool:
        self.look()
        return self.peer.transport.is_closing() and not self.client.is_done


def _of_chunks(head: bytes, body: bytes) -> tuple[bytes, bool]:
    """The body without its chunks, as far as it came, and whether it ended (RFC 9112, 7.1)."""
    if b"content-length:" in head.lower():
        return body, True
    text = b""
    while b"\r\n" in body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return text, True
        text += rest[:length]
        body = rest[length + 2 :]
    return text, False


def say(stage: Stage, text: str = "hello") -> str:
    fields = {"message": text, "is_user": True, "user": "ada", "username": "Ada"}
    return str(stage.loop.run(stage.log._log.append(new_event(CHAT, MESSAGE, fields))))


def speaking(stage: Stage, attempt: int = 1, reply_to: str | None = None) -> Speaker:
    return Speaker(stage.log._log, attempt, reply_to=reply_to)


def tell(stage: Stage, speaker: Speaker) -> None:
    stage.loop.run(speaker.tell())


def test_an_answer_is_resumed_and_ends_once_it_is_over(stage: Stage) -> None:
    speaker = speaking(stage)
    speaker.text("Hel")
    tell(stage, speaker)
    first = Tab(stage)
    stage.settle()
    first.look()
    assert (first.client.text, first.client.message_id) == ("Hel", "a")
    speaker.text("lo")
    tell(stage, speaker)
    second = Tab(stage)
    stage.settle()
    speaker.said.complete(None, "stop")
    tell(stage, speaker)
    stage.settle()
    for tab in (first, second):
        tab.look()
        assert tab.client.is_done
        assert tab.client.text == "Hello"
    assert second.client.deltas() == 1
    assert b"x-vercel-ai-ui-message-stream: v1" in first.peer.take()
    assert b"content-type: text/event-stream" in first.peer.take()


def test_where_nothing_is_said_there_is_nothing_to_resume(stage: Stage) -> None:
    tab = Tab(stage)
    stage.settle()
    assert tab.status == 204
    say(stage)
    tab.come()
    stage.settle()
    assert tab.status == 204


def test_what_has_ended_is_sent_for_a_day_to_whoever_was_cut_before_and_later_is_not(
    stage: Stage,
) -> None:
    """204 would be taken for the end, and what a client has for the whole."""
    speaker = speaking(stage)
    speaker.text("all of it")
    speaker.said.complete(None, "stop")
    tell(stage, speaker)
    tab = Tab(stage)
    stage.settle()
    tab.look()
    assert (tab.client.text, tab.client.finish) == ("all of it", "finish")
    stage.wall.set(80_000)
    again = Tab(stage)
    stage.settle()
    again.look()
    assert (again.client.text, again.client.finish) == ("all of it", "finish")
    stage.wall.set(90_000)
    tab.come()
    stage.settle()
    assert tab.status == 204


def test_an_answer_that_nobody_goes_on_with_has_failed_for_whoever_resumes(stage: Stage) -> None:
    """204 would leave half of it as if it were all."""
    speaker = speaking(stage)
    speaker.text("half of")
    tell(stage, speaker)
    stage.wall.set(4000)
    tab = Tab(stage)
    stage.settle()
    tab.look()
    assert (tab.client.text, tab.client.finish) == ("half of", "error")


def test_heartbeats_are_comments(stage: Stage) -> None:
    speaker = speaking(stage)
    speaker.text("hm")
    tell(stage, speaker)
    tab = Tab(stage)
    stage.settle()
    stage.pass_seconds(40)
    tab.look()
    assert tab.peer.beats > 0
    assert tab.client.text == "hm"


@pytest.mark.parametrize("what", ["drain", "close", "gap", "silence"])
def test_whatever_ends_a_stream_before_the_answer_cuts_it(stage: Stage, what: str) -> None:
    speaker = speaking(stage)
    speaker.text("half ")
    tell(stage, speaker)
    tab = Tab(stage)
    stage.settle()
    match what:
        case "drain":
            stage.hub.start_drain(0.1)
            stage.pass_seconds(1)
        case "close":
            stage.loop.run(stage.hub.close())
        case "gap":
            _lose_events(stage, speaker)
        case _:
            tab.peer.narrow()
            speaker = Speaker(stage.log._log, max_bytes=60_000)
            for _ in range(40):
                speaker.text("words " * 5000)
                tell(stage, speaker)
            stage.pass_seconds(10)
    stage.settle()
    assert tab.is_cut


def _lose_events(stage: Stage, speaker: Speaker) -> None:
    """The log loses what its process has not heard."""
    stage.log.interrupt()
    speaker.text("of it")
    tell(stage, speaker)
    note = new_event(CHAT, "note", {})
    for _ in range(6000):
        stage.loop.run(stage.log._log.append(note))
    stage.log.resume()


def test_a_token_that_ends_cuts_the_stream() -> None:
    stage = Stage(Settings(auth_secret=SECRET))
    try:
        # A token ends by the clock of the machine.
        stage.wall.set(time.time() - stage.wall())
        stage.log._log._clock = lambda: int(stage.wall() * 1000)  # type: ignore[attr-defined]
        speaker = speaking(stage)
        speaker.text("half ")
        tell(stage, speaker)
        claims = {"sub": "7", "streamer": {"subscribe": [CHAT]}}
        issuer = Issuer(SECRET, clock=stage.wall)
        tab = Tab(stage, issuer.issue(grants_of(claims), 60.0))
        stage.settle()
        tab.look()
        assert tab.client.text == "half ", tab.peer.take()
        stage.pass_seconds(61)
        assert tab.is_cut
        for token, status in ((None, 401), (_other(Issuer(SECRET)), 403)):
            stranger = Tab(stage, token)
            stage.settle()
            assert stranger.status == status
    finally:
        stage.end()


def _other(issuer: Issuer) -> str:
    claims = {"sub": "8", "streamer": {"subscribe": ["chats/43"]}}
    return issuer.issue(grants_of(claims), 3600.0)


@pytest.mark.parametrize("seeds", [range(start, start + 12) for start in (0, 12)])
def test_whatever_breaks_two_tabs_have_all_of_it_or_know_that_they_have_not(seeds: range) -> None:
    """Lines are cut, the log goes away, attempts fail; somebody may stop it."""
    for seed in seeds:
        stage = Stage(Settings(send_timeout=5.0, high_water=4096))
        try:
            Chaos(stage, seed).run()
        finally:
            stage.end()


class Chaos:
    """One answer, two tabs, and everything that may happen meanwhile."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self._stage: Final = stage
        self._chance: Final = random.Random(seed)
        self._seed: Final = seed
        self._message = say(stage)
        self._speaker = speaking(stage, 1, self._message)
        self._attempt = 1

    def run(self) -> None:
        """Let it happen, repair everything, end the answer; both tabs know how it ended."""
        begin = AnswerEvents(CHAT, "a", 1, self._message).begin()
        self._stage.loop.run(self._stage.log._log.append(begin))
        tabs = [Tab(self._stage), Tab(self._stage)]
        for _ in range(self._chance.randrange(30)):
            self._happen()
            for tab in tabs:
                self._read(tab)
        self._repair()
        end = self._chance.choice(["finish", "abort", "error"])
        if end == "finish":
            self._speaker.said.complete(None, "stop")
        else:
            self._speaker.said.fail("why", "cancelled" if end == "abort" else "error")
        tell(self._stage, self._speaker)
        for tab in tabs:
            self._stage.settle()
            if not self._is_done(tab):
                assert tab.is_cut, self._seed
                tab.come()
                self._stage.settle()
                assert self._is_done(tab), self._seed
            assert tab.client.finish == end, self._seed
            assert tab.client.text == self._speaker.said.text, self._seed

    def _is_done(self, tab: Tab) -> bool:
        tab.look()
        return tab.client.is_done

    def _happen(self) -> None:
        stage, log = self._stage, self._stage.log
        match self._chance.choice(["say"] * 8 + ["talk", "interrupt", "resume", "fail", "attempt"]):
            case "say":
                self._speaker.text("word " * self._chance.choice([1, 10, 100, 2000]))
                tell(stage, self._speaker)
            case "talk":
                say(stage, "somebody else talks")
            case "interrupt":
                log.interrupt()
            case "resume":
                log.resume()
            case "fail":
                log.failing = not log.failing
            case _:
                self._attempt += 1
                self._speaker = speaking(stage, self._attempt, self._message)
                tell(stage, self._speaker)
        stage.settle()

    def _read(self, tab: Tab) -> None:
        tab.look()
        if self._chance.random() < 0.1:
            tab.peer.leave()
            self._stage.settle()
            tab.come()
        elif tab.is_cut and self._chance.random() < 0.5:
            tab.come()
        self._stage.settle()

    def _repair(self) -> None:
        self._stage.log.failing = False
        self._stage.log.resume()
        self._stage.pass_seconds(5)
        self._stage.settle()


def test_over_an_older_http_nothing_is_streamed(stage: Stage) -> None:
    """There the end of a connection is the end of an answer, whoever cut it."""
    request = b"GET " + URL.encode() + b" HTTP/1.0\r\nHost: localhost\r\n\r\n"
    old = Peer(stage, URL, until=0)
    old._socket.send(request)
    stage.settle()
    head, _, body = old.take().partition(b"\r\n\r\n")
    assert b" 505 " in head.partition(b"\r\n")[0]
    assert "proxy_http_version 1.1" in msgspec.json.decode(body)["detail"]


def posted(stage: Stage, body: Any, target: str = "/api/v1/ai/chats/42") -> tuple[int, Any]:  # noqa: ANN401
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    peer = Peer(stage, target, {"Content-Length": str(len(data))}, method="POST", body=data)
    for _ in range(4):
        stage.settle()
    head, _, rest = peer.take().partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), msgspec.json.decode(rest) if rest else None


def test_where_nobody_answers_nothing_is_said(stage: Stage) -> None:
    """And what is no message is refused, naming what was wrong."""
    hello = {"messages": [{"id": "m", "role": "user", "parts": [{"type": "text", "text": "hi"}]}]}
    status, problem = posted(stage, hello)
    assert (status, problem["code"]) == (404, "not_found")
    assert "STREAMER_AI_URL" in problem["detail"]
    assert posted(stage, b"{")[1]["code"] == "invalid_json"
    assert posted(stage, {"messages": 1})[1]["code"] == "invalid_fields"
    assert posted(stage, hello, "/api/v1/ai/chats")[1]["code"] == "invalid_fields"
    assert posted(stage, hello, "/api/v1/ai/chats/no%20topic")[1]["code"] == "invalid_topic"
    assert posted(stage, b"", "/api/v1/ai/chats/42/stop")[0] == 404
