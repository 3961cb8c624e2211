"""The recording proxy, as the real `openai` client sees it: real servers, a real worker, one Redis.

What an AI server streams is chosen by the request's `input`, so that one of each serves all.
"""

from __future__ import annotations

import json
import secrets
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Final

import httpx
import httpx2
import openai
import pytest
from openai import OpenAI

from support.ai_server import CUT, DONE, Step, chunk, event, response, whole
from support.ai_stage import Stage
from support.processes import Program
from support.waiting import wait_until_blocking

#: A worker in a process of its own, to be killed.
WORKER: Final = """
from streamer.config.settings import Settings
from streamer.jobs.worker import run_worker

run_worker(Settings.from_env())
"""
TEXTS: Final = ["The quick ", "brown fox ", "jumps ", "over ü\u2028 ", "the lazy dog."]
WHOLE: Final = "".join(TEXTS)


@pytest.fixture
def asked(request: pytest.FixtureRequest) -> str:
    """An `input` of the test's own."""
    return f"{request.node.name} {secrets.token_hex(4)}"


def text_of(events: list[Any]) -> str:
    return "".join(e.delta for e in events if e.type == "response.output_text.delta")


def keep(came: list[Any], coming: Iterable[Any]) -> None:
    """Keep what came, also of what breaks off."""
    for each in coming:
        came.append(each)  # noqa: PERF402 - what came before it broke off is kept


def cut_after(stream: bytes, size: int) -> OpenAI:
    """A client whose line is cut after so many bytes of a stream."""

    def coming() -> Iterator[bytes]:
        yield stream[:size]
        raise httpx2.RemoteProtocolError("the connection was closed")

    answered = httpx2.MockTransport(lambda _: httpx2.Response(200, content=coming()))
    return OpenAI(
        base_url="http://localhost",
        api_key="anything",
        max_retries=0,
        http_client=httpx2.Client(transport=answered),
    )


@pytest.mark.usefixtures("stage_worker")
class TestRecorded:
    def test_a_stream_passes_through_as_it_is(self, stage: Stage, asked: str) -> None:
        stage.answers[asked] = response(*TEXTS)
        events = list(stage.client().responses.create(model="m0", input=asked, stream=True))
        assert text_of(events) == WHOLE
        assert [e.sequence_number for e in events] == list(range(len(events)))
        assert [e.type for e in events][:2] == ["response.created", "response.in_progress"]
        last = events[-1]
        assert last.type == "response.completed"
        assert last.response.output_text == WHOLE
        # It has one name from beginning to end: ours.
        assert last.response.id == events[0].response.id != "resp_upstream"
        [sent] = [r for r in stage.ai.requests if r.get("input") == asked]
        assert (sent["path"], sent["model"], sent["stream"]) == ("/v1/responses", "m0", True)
        assert stage.ai.headers[stage.ai.requests.index(sent)]["Authorization"] == "Bearer ours"
        assert "anything" not in str(stage.ai.headers)

    @pytest.mark.parametrize("live", [0, 1])
    def test_it_is_resumed_after_each_of_its_events_from_any_server(
        self, stage: Stage, asked: str, live: int
    ) -> None:
        stage.answers[asked] = response(*TEXTS)
        events = list(stage.client().responses.create(model="m", input=asked, stream=True))
        client = stage.client(live)
        for after in range(len(events)):
            rest = client.responses.retrieve(
                events[0].response.id, stream=True, starting_after=after
            )
            assert [e.to_dict() for e in rest] == [e.to_dict() for e in events[after + 1 :]]

    def test_one_that_is_cut_at_any_frame_or_within_one_says_so_and_comes_to_the_whole(
        self, stage: Stage, asked: str
    ) -> None:
        stage.answers[asked] = response(*TEXTS)
        again = stage.client()
        name = again.responses.create(model="m", input=asked).id
        with stage.http(1) as http:
            stream = http.get(f"/responses/{name}?stream=true").content
        at = 0
        for frame in stream.split(b"\n\n")[:-1]:
            for cut in (at, at + len(frame) // 2, at + len(frame) + 1):
                events: list[Any] = []
                with cut_after(stream, cut) as client, pytest.raises(openai.APIConnectionError):
                    keep(events, client.responses.retrieve(name, stream=True))
                last = events[-1].sequence_number if events else openai.omit
                events += again.responses.retrieve(name, stream=True, starting_after=last)
                assert text_of(events) == WHOLE == events[-1].response.output_text
            at += len(frame) + 2

    def test_one_that_runs_is_joined_by_a_second_client_and_both_have_all_of_it(
        self, stage: Stage, asked: str
    ) -> None:
        hold = threading.Event()
        steps = response(*TEXTS)
        stage.answers[asked] = [*steps[:6], hold, *steps[6:]]
        stream = stage.client().responses.create(model="m", input=asked, stream=True)
        first = [next(stream) for _ in range(6)]
        name = first[0].response.id
        joined = stage.client(1).responses.retrieve(name, stream=True)
        second = [next(joined) for _ in range(6)]
        assert stage.client().responses.retrieve(name).status == "in_progress"
        hold.set()
        first, second = [*first, *stream], [*second, *joined]
        assert [e.to_dict() for e in first] == [e.to_dict() for e in second]
        assert text_of(first) == WHOLE
        assert stage.client(1).responses.retrieve(name).output_text == WHOLE

    def test_it_goes_on_when_its_client_has_left(self, stage: Stage, asked: str) -> None:
        hold = threading.Event()
        steps = response(*TEXTS)
        stage.answers[asked] = [*steps[:6], hold, *steps[6:]]
        with stage.client().responses.create(model="m", input=asked, stream=True) as stream:
            events = [next(stream) for _ in range(6)]
        hold.set()
        name, last = events[0].response.id, events[-1].sequence_number
        rest = stage.client(1).responses.retrieve(name, stream=True, starting_after=last)
        assert text_of([*events, *rest]) == WHOLE

    def test_in_the_background_it_is_asked_for_again(self, stage: Stage, asked: str) -> None:
        hold = threading.Event()
        steps = response(*TEXTS)
        stage.answers[asked] = [*steps[:6], hold, *steps[6:]]
        client = stage.client()
        begun = client.responses.create(model="m", input=asked, background=True)
        assert (begun.status, begun.background) == ("in_progress", True)
        hold.set()
        events = list(client.responses.retrieve(begun.id, stream=True))
        assert text_of(events) == WHOLE
        done = client.responses.retrieve(begun.id)
        assert (done.status, done.background, done.output_text) == ("completed", True, WHOLE)
        # To the AI server none is: whoever leaves it has cancelled it.
        [sent] = [r for r in stage.ai.requests if r.get("input") == asked]
        assert "background" not in sent

    def test_without_a_stream_it_is_answered_whole(self, stage: Stage, asked: str) -> None:
        stage.answers[asked] = response(*TEXTS)
        assert stage.client().responses.create(model="m", input=asked).output_text == WHOLE

    def test_one_that_is_cancelled_leaves_the_ai_server_and_says_so(
        self, stage: Stage, asked: str
    ) -> None:
        left = stage.ai.left
        stage.answers[asked] = [*response(*TEXTS)[:6], threading.Event()]
        client = stage.client()
        stream = client.responses.create(model="m", input=asked, background=True, stream=True)
        events = [next(stream) for _ in range(6)]
        name = events[0].response.id
        cancelled = stage.client(1).responses.cancel(name)
        assert (cancelled.id, cancelled.status) == (name, "cancelled")
        [last] = list(stream)
        assert (last.type, last.response.status) == ("response.incomplete", "cancelled")
        assert last.sequence_number == events[-1].sequence_number + 1
        wait_until_blocking(lambda: stage.ai.left == left + 1, "the AI server was not left")
        assert client.responses.cancel(name).status == "cancelled"
        assert text_of(list(client.responses.retrieve(name, stream=True))) == "".join(TEXTS[:2])

    @pytest.mark.parametrize(
        "end", [[CUT], [], [DONE], [b"data: {}\n\n"], [b"data: never\n\n"]], ids=str
    )
    def test_one_that_the_ai_server_does_not_end_has_failed(
        self, stage: Stage, asked: str, end: list[Step]
    ) -> None:
        stage.answers[asked] = [*response(*TEXTS)[:6], *end]
        events = list(stage.client().responses.create(model="m", input=asked, stream=True))
        assert text_of(events) == "".join(TEXTS[:2])
        last = events[-1]
        assert (last.type, last.response.status) == ("response.failed", "failed")
        assert last.response.error is not None
        assert "the AI server" in last.response.error.message
        state = stage.client(1).responses.retrieve(events[0].response.id)
        assert (state.status, state.error) == ("failed", last.response.error)

    def test_an_event_of_megabytes_passes(self, stage: Stage, asked: str) -> None:
        text = secrets.token_hex(1_000_000) + "\u2028\n" + "ü" * 100_000
        stage.answers[asked] = response(text)
        events = list(stage.client().responses.create(model="m", input=asked, stream=True))
        assert text_of(events) == text == events[-1].response.output_text
        assert stage.client(1).responses.retrieve(events[0].response.id).output_text == text

    def test_a_server_that_numbers_nothing_is_numbered(self, stage: Stage, asked: str) -> None:
        stage.answers[asked] = [
            event("response.created", None, response={"id": "r", "object": "response"}),
            event("response.output_text.delta", None, delta="Hi"),
            event("response.completed", None, response={"id": "r", "object": "response"}),
        ]
        events = list(stage.client().responses.create(model="m", input=asked, stream=True))
        assert [e.sequence_number for e in events] == [0, 1, 2]

    def test_a_server_that_counts_backwards_has_failed(self, stage: Stage, asked: str) -> None:
        steps = response(*TEXTS)
        stage.answers[asked] = [*steps[:6], steps[3]]
        events = list(stage.client().responses.create(model="m", input=asked, stream=True))
        assert [e.sequence_number for e in events] == list(range(7))
        assert events[-1].type == "response.failed"

    def test_the_response_before_is_named_as_the_ai_server_names_it(
        self, stage: Stage, asked: str
    ) -> None:
        stage.answers[asked] = response("one", name="resp_theirs")
        stage.answers[f"{asked} 2"] = response("two")
        client = stage.client()
        first = client.responses.create(model="m", input=asked)
        client.responses.create(model="m", input=f"{asked} 2", previous_response_id=first.id)
        [sent] = [r for r in stage.ai.requests if r.get("input") == f"{asked} 2"]
        assert sent["previous_response_id"] == "resp_theirs"

    def test_asked_twice_with_one_key_it_is_asked_for_once(self, stage: Stage, asked: str) -> None:
        stage.answers[asked] = response(*TEXTS)
        headers = {"Idempotency-Key": asked}
        names = {
            stage.client(live).responses.create(model="m", input=asked, extra_headers=headers).id
            for live in (0, 1)
        }
        assert len(names) == 1
        assert len([r for r in stage.ai.requests if r.get("input") == asked]) == 1

    @pytest.mark.parametrize(
        ("answer", "status", "said"),
        [
            ((400, b'{"error":{"message":"no such tool","code":"bad"}}'), 400, "no such tool"),
            ((429, b'{"error":{"message":"slow down"}}'), 429, "slow down"),
            ((404, b"404 page not found"), 404, "speaks chat completions alone"),
            ((401, b'{"error":{"message":"Incorrect API key: ours"}}'), 502, "STREAMER_AI_KEY"),
            ((200, b"{}"), 502, "does not stream"),
        ],
    )
    def test_a_refusal_is_passed_on_but_for_our_key(
        self, stage: Stage, asked: str, answer: tuple[int, bytes], status: int, said: str
    ) -> None:
        stage.answers[asked] = answer
        with pytest.raises(openai.APIStatusError) as caught:
            stage.client().responses.create(model="m", input=asked, stream=True)
        assert caught.value.status_code == status
        assert said in caught.value.message
        assert "key: ours" not in caught.value.message

    def test_what_is_not_to_be_stored_is_passed_on(self, stage: Stage, asked: str) -> None:
        stage.answers[asked] = response(*TEXTS)
        client = stage.client()
        events = list(client.responses.create(model="m", input=asked, stream=True, store=False))
        assert text_of(events) == WHOLE
        assert events[0].response.id == "resp_upstream"
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve("resp_upstream")

    def test_a_completion_is_recorded_and_resumed(self, stage: Stage, asked: str) -> None:
        stage.answers[asked] = whole(*TEXTS)
        messages: Any = [{"role": "user", "content": asked}]
        client = stage.client()
        chunks = list(client.chat.completions.create(model="m", messages=messages, stream=True))
        assert "".join(c.choices[0].delta.content or "" for c in chunks) == WHOLE
        [name] = {c.id for c in chunks}
        with stage.http(1) as http:
            all_of_it = http.get(f"/chat/completions/{name}").text
            frames = all_of_it.split("\n\n")[:-1]
            assert frames[-1].startswith("data: [DONE]\n")
            for number in range(len(frames)):
                answer = http.get(
                    f"/chat/completions/{name}", headers={"Last-Event-ID": str(number)}
                )
                assert answer.text.split("\n\n")[:-1] == frames[number + 1 :]

    def test_a_completion_that_is_not_whole_has_no_clean_end(
        self, stage: Stage, asked: str
    ) -> None:
        stage.answers[asked] = [chunk("Hi "), CUT]
        messages: Any = [{"role": "user", "content": asked}]
        stream = stage.client().chat.completions.create(model="m", messages=messages, stream=True)
        assert next(stream).choices[0].delta.content == "Hi "
        with pytest.raises(openai.APIError, match="the AI server was lost"):
            next(stream)
        body = {"model": "m", "messages": messages, "stream": True}
        lines: list[str] = []
        with (
            stage.http() as http,
            http.stream("POST", "/chat/completions", json=body) as answer,
            pytest.raises(httpx.RemoteProtocolError),
        ):
            keep(lines, answer.iter_lines())
        assert '"error"' in "".join(lines)
        assert "[DONE]" not in "".join(lines)

    def test_a_completion_that_does_not_stream_is_passed_on(self, stage: Stage, asked: str) -> None:
        made = {"id": "c", "object": "chat.completion", "choices": []}
        stage.answers[asked] = (200, json.dumps(made).encode())
        messages: Any = [{"role": "user", "content": asked}]
        completion = stage.client().chat.completions.create(model="m", messages=messages)
        assert completion.id == "c"

    @pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 30])
    def test_a_number_that_is_none_is_refused(self, stage: Stage, asked: str, after: str) -> None:
        stage.answers[asked] = response("Hi")
        name = stage.client().responses.create(model="m", input=asked).id
        with stage.http() as http:
            answer = http.get(f"/responses/{name}?stream=true&starting_after={after}")
        assert answer.status_code == 400
        assert "starting_after is" in answer.json()["error"]["message"]

    @pytest.mark.parametrize(
        "name", ["resp_nothing", f"resp_{'0' * 32}", "resp_upstream", f"chatcmpl-{'0' * 32}"]
    )
    def test_what_is_not_recorded_is_not_there(self, stage: Stage, name: str) -> None:
        with stage.http() as http:
            for answer in (
                http.get(f"/responses/{name}"),
                http.get(f"/responses/{name}?stream=true"),
                http.post(f"/responses/{name}/cancel"),
            ):
                assert answer.status_code == 404
                assert name in answer.json()["error"]["message"]


def test_a_stream_is_resumed_after_its_worker_and_its_server_have_died(
    stage: Stage, asked: str
) -> None:
    """What was recorded is served by another server, and the end says that there is no more."""
    stage.answers[asked] = [*response(*TEXTS)[:6], threading.Event()]
    environ = stage.settings.to_env()
    with Program([sys.executable, "-c", WORKER], environ=environ) as worker:
        stream = stage.client().responses.create(model="m", input=asked, stream=True)
        events = [next(stream) for _ in range(4)]
        wait_until_blocking(lambda: _recorded(stage, events[0].response.id) == 6, "not recorded")
        worker.signal(signal.SIGKILL)
        worker.wait()
    stage.lives[0].kill()
    with pytest.raises((openai.APIError, httpx.HTTPError)):
        events += list(stream)
    name, last = events[0].response.id, events[-1].sequence_number
    rest = list(stage.client(1).responses.retrieve(name, stream=True, starting_after=last))
    events += rest
    assert [e.sequence_number for e in events] == list(range(7))
    assert text_of(events) == "".join(TEXTS[:2])
    assert events[-1].type == "response.failed"
    assert events[-1].response.error is not None
    assert events[-1].response.error.message == "the worker that recorded it was lost"
    stage.lives[0].start()
    state = stage.client().responses.retrieve(name)
    assert (state.status, state.error) == ("failed", events[-1].response.error)


def _recorded(stage: Stage, name: str) -> int:
    url = f"{stage.lives[1].url}/api/v1/events?topic=responses/{name}"
    events = httpx.get(url).json()["events"]
    return sum(len(event.get("frames", ())) for event in events)
