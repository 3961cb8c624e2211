"""Answers as AG-UI's runs, as its real client takes them: `HttpAgent`, and what it verifies."""

from __future__ import annotations

import json
import random
import subprocess
import threading
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import pytest

from streamer.chats.answer_reading import AnswerReading
from streamer.dialects.ag_ui.history import answered
from streamer.dialects.ag_ui.jobs import Activities
from streamer.dialects.ag_ui.run import Run, frame_of
from streamer.events.answer_fold import AnswerFold
from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.publishing.answer_events import AnswerEvents
from support.ag_ui import Agent, node_program
from support.ai_server import chunk, whole
from support.ai_stage import Stage
from support.waiting import DEADLINE, wait_until_blocking

SAID: Final = [{"id": "m1", "role": "user", "content": "hello"}]


# What the client takes, of whatever is said


def story(chance: random.Random) -> list[dict[str, Any]]:
    """The parts of an answer, in pieces, as a worker says them."""
    said: list[dict[str, Any]] = []
    number, call = 0, 0
    for _ in range(chance.randint(1, 6)):
        match chance.choice(["text", "text", "reasoning", "tool", "step", "data", "source"]):
            case "text" | "reasoning" as kind:
                number += 1
                name = f"{kind}-{number}"
                said += [
                    {"type": kind, "part": name, "text": text}
                    for text in chance.choices(["Hi ", "ü", "\u2028", "x" * 9], k=3)
                ]
            case "tool":
                call += 1
                tool = {"tool_call": f"call-{call}", "tool": "look"}
                if chance.random() < 0.5:
                    said += [{"type": "tool_input", **tool, "text": t} for t in ('{"a"', ":1}")]
                said.append({"type": "tool_call", **tool, "input": {"a": 1}})
                if chance.random() < 0.8:
                    said.append({"type": "tool_output", **tool, "output": {"b": call}})
            case "step":
                said.append({"type": "step"})
            case "data":
                share = chance.random()
                said.append({"type": "data", "name": "progress", "id": "p", "data": {"at": share}})
            case "source":
                said.append({"type": "source", "id": "s", "url": "https://example.com"})
    return said


def bodies(events: list[Any], first: int = 1) -> list[dict[str, Any]]:
    """Events as a reader gets them, with ids."""
    return [
        msgspec.json.decode(Event(Cursor(1, first + n), e.type, e.topics, e.fields).body)
        for n, e in enumerate(events)
    ]


#: A frame, and the number that leads on behind it, if it has one.
Frames = list[tuple[bytes, int | None]]


class Case:
    """An answer, as it is heard while it is said, and once it is over.

    Args:
        said: its parts, in pieces.
    """

    def __init__(self, said: list[dict[str, Any]]) -> None:
        events, fold = AnswerEvents("chats/42", "a1"), AnswerFold("a1")
        self.pieces: Final = bodies([events.begin(), *(events.parts([part], 1) for part in said)])
        AnswerReading(fold).take(self.pieces)
        self._parts: Final = fold.parts()
        assert self._parts is not None
        end = events.complete(self._parts, "m", "stop", is_plain=False)
        self.end: Final = bodies([end], 1000)

    def frames(self, after: int, came: int, *, is_over: bool = False) -> Frames:
        """Its stream, to who has it up to `after`; `came` pieces are there, the rest is live.

        If it `is_over`, its pieces are gone.
        """
        run, reading = Run("t1", "r1", SAID, after=after), AnswerReading(AnswerFold("a1"))
        live = [[body] for body in self.pieces[came:]]
        batches = [self.pieces[:1]] if is_over else [self.pieces[:came], *live]
        frames: Frames = [(frame_of(event), None) for event in run.begin(shows_messages=False)]
        for batch in [*batches, self.end]:
            more = reading.take(batch)
            assert more is not None
            frames += [(frame_of(e, "a1", number), number) for e, number in run.say(reading, more)]
        return [*frames, *((frame_of(e, "a1", number), number) for e, number in run.end(reading))]

    def messages(self) -> list[dict[str, Any]]:
        """What a client comes to that has all of it."""
        assert self._parts is not None
        activities = [
            {
                "id": "a1-progress-p",
                "role": "activity",
                "activityType": "PROGRESS",
                "content": part["data"],
            }
            for part in self._parts
            if part["type"] == "data"
        ]
        return sorted([*SAID, *answered("a1", self._parts), *activities], key=_id)


def stream(frames: Frames, cut: int | None = None) -> tuple[dict[str, Any], int]:
    """A stream that is cut after so many bytes, or whole; and the number that leads on."""
    after, came = 0, 0
    for frame, number in frames:
        came += len(frame)
        if cut is not None and came > cut:
            break
        after = max(after, number or 0)
    text = b"".join(frame for frame, _ in frames).decode()
    return {"frames": text, "cut": cut}, after


def check(tmp_path: Path, cases: list[tuple[Case, list[dict[str, Any]]]]) -> None:
    """Assert that the client has the whole after the last stream of each, and knows when not."""
    asked = [{"streams": streams, "messages": SAID} for _, streams in cases]
    for result, (case, streams) in zip(taken(tmp_path, asked), cases, strict=True):
        *cut, last = result["ends"]
        assert all(end["error"] and not end["hasFinished"] for end in cut), streams
        assert last == {"error": None, "hasFinished": True}, streams
        assert sorted(map(plain, result["messages"]), key=_id) == case.messages(), streams


def taken(tmp_path: Path, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the client makes of streams, one after the other."""
    done = subprocess.run(
        node_program(tmp_path / "ag", "ag_ui_order.mjs"),
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    return [json.loads(line) for line in done.stdout.split("\n") if line.startswith("{")]


def test_each_run_is_taken_and_comes_to_the_same_messages_wherever_it_is_cut(
    tmp_path: Path,
) -> None:
    """Of 150 random answers, each cut twice, and resumed by its last id; it may be over by then."""
    chance = random.Random(14)
    cases: list[tuple[Case, list[dict[str, Any]]]] = []
    for _ in range(150):
        case, streams, known = Case(story(chance)), [], 0
        for is_last in (False, False, True):
            came, is_over = chance.randint(0, len(case.pieces)), is_last and chance.random() < 0.5
            frames = case.frames(known, came, is_over=is_over)
            size = sum(len(frame) for frame, _ in frames)
            told, after = stream(frames, None if is_last else chance.randrange(size))
            known = max(known, after)
            streams.append(told)
        cases.append((case, streams))
    check(tmp_path, cases)


def test_a_run_that_is_cut_at_any_frame_or_within_one_is_not_finished_and_comes_to_the_whole(
    tmp_path: Path,
) -> None:
    """Of what is live, gone on with while it is said, and once it is over."""
    chance = random.Random(15)
    cases: list[tuple[Case, list[dict[str, Any]]]] = []
    for _ in range(3):
        case = Case(story(chance))
        frames, at = case.frames(0, 1), 0
        for frame, _ in frames:
            for cut in (at, at + len(frame) // 2, at + len(frame) - 1):
                told, after = stream(frames, cut)
                rest, _ = stream(case.frames(after, 1, is_over=len(cases) % 2 == 0))
                cases.append((case, [told, rest]))
            at += len(frame)
    check(tmp_path, cases)


def plain(message: dict[str, Any]) -> dict[str, Any]:
    return {name: message[name] for name in message if name not in ("encryptedValue", "metadata")}


def _id(message: dict[str, Any]) -> str:
    return str(message["id"])


def test_what_an_attempt_said_that_failed_is_taken_back(tmp_path: Path) -> None:
    first, second = AnswerEvents("chats/42", "a1"), AnswerEvents("chats/42", "a1", 2)
    hi = {"type": "text", "part": "text-1", "text": "Hi "}
    call = {"type": "tool_input", "tool_call": "c1", "tool": "look", "text": "{"}
    ada = {"type": "text", "part": "text-1", "text": "Ada"}
    said = [first.begin(), first.parts([hi, {"type": "step"}, call], 1)]
    said += [second.begin(), second.parts([ada], 1), second.complete([ada], "m", "stop")]
    run, reading = Run("t1", "r1", SAID), AnswerReading(AnswerFold("a1"))
    frames = [frame_of(event) for event in run.begin(shows_messages=False)]
    for body in bodies(said):
        more = reading.take([body])
        assert more is not None
        frames += [frame_of(event) for event, _ in run.say(reading, more)]
    frames += [frame_of(event) for event, _ in run.end(reading)]
    told, _ = stream([(frame, None) for frame in frames])
    [result] = taken(tmp_path, [{"streams": [told], "messages": SAID}])
    assert result["ends"] == [{"error": None, "hasFinished": True}]
    answer = {"id": "a1-text-1", "role": "assistant", "content": "Ada"}
    assert list(map(plain, result["messages"])) == [*SAID, answer]


def test_a_job_is_an_activity_of_which_changes_are_told() -> None:
    def body(kind: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        return {"type": kind, "topic": "chats/42", "job_id": "j1", **fields}

    told_of = Activities().of(
        [
            body("status", status="started", message="Started"),
            body("progress", status="in_progress", progress=0.5, message="Started"),
            body("progress", status="in_progress", progress=0.5, message="Started"),
            {"type": "message", "topic": "chats/42"},
            body("completed", result={"a": 1}),
        ]
    )
    named = {"messageId": "job-j1", "activityType": "PROGRESS"}
    begun = {"jobId": "j1", "status": "running", "message": "Started"}
    assert told_of == [
        {"type": "ACTIVITY_SNAPSHOT", **named, "content": begun},
        {
            "type": "ACTIVITY_DELTA",
            **named,
            "patch": [{"op": "add", "path": "/progress", "value": 0.5}],
        },
        {
            "type": "ACTIVITY_DELTA",
            **named,
            "patch": [
                {"op": "add", "path": "/result", "value": {"a": 1}},
                {"op": "add", "path": "/status", "value": "completed"},
            ],
        },
    ]


# Over HTTP, with real servers and a real worker


@pytest.fixture
def chat(request: pytest.FixtureRequest) -> str:
    return f"c{abs(hash((request.node.name, random.random())))}"


def address(stage: Stage, chat: str, live: int = 0) -> str:
    return f"{stage.lives[live].url}/api/v1/ag-ui/chats/{chat}"


@pytest.mark.usefixtures("stage_worker")
class TestLive:
    def test_a_run_is_answered_joined_by_another_and_cut_and_joined_again(
        self, stage: Stage, chat: str, tmp_path: Path
    ) -> None:
        hold, again = threading.Event(), threading.Event()
        texts = ["The quick ", "brown ", "fox"]
        stage.answers[chat] = [
            *map(chunk, texts[:1]),
            hold,
            *map(chunk, texts[1:2]),
            again,
            *whole(texts[2]),
        ]
        said = [{"id": "m1", "role": "user", "content": chat}]
        with Agent(tmp_path / "ag", address(stage, chat), said) as first:
            wait_until_blocking(lambda: first.text == texts[0], "not said")
            with Agent(tmp_path / "ag", address(stage, chat, 1), join=True) as second:
                wait_until_blocking(lambda: second.text == texts[0], "not joined")
                hold.set()
                for agent in (first, second):
                    wait_until_blocking(lambda: agent.text == "The quick brown ", "not gone on")  # noqa: B023
                stage.lives[0].kill()
                cut = first.result()
                assert cut["error"] is not None
                assert "RUN_FINISHED" not in first.types
                again.set()
                result = second.result()
        stage.lives[0].start()
        assert result["error"] is None
        assert second.types[:2] == ["RUN_STARTED", "MESSAGES_SNAPSHOT"]
        assert second.types[-2:] == ["STEP_FINISHED", "RUN_FINISHED"]
        assert [m["content"] for m in result["messages"]] == [chat, "The quick brown fox"]
        with Agent(tmp_path / "ag", address(stage, chat), join=True) as late:
            known = late.result()
        assert late.types == ["RUN_STARTED", "MESSAGES_SNAPSHOT", "RUN_FINISHED"]
        assert known["messages"] == result["messages"]

    def test_one_that_is_stopped_says_so_and_each_place_is_gone_on_from(
        self, stage: Stage, chat: str, tmp_path: Path
    ) -> None:
        hold = threading.Event()
        stage.answers[chat] = [chunk("The quick "), chunk("brown fox"), hold]
        said = [{"id": "m1", "role": "user", "content": chat}]
        with Agent(tmp_path / "ag", address(stage, chat), said) as agent:
            wait_until_blocking(lambda: agent.text == "The quick brown fox", "not said")
            answer = agent.events[-1]["messageId"].removesuffix("-text-1")
            # In the middle, by an id that a client may have of a shorter piece.
            place = f"{answer}/{4 + 9}"
            asked = {"Last-Event-ID": place}
            stream = httpx.stream("GET", address(stage, chat, 1), headers=asked)
            with stream as joined:
                lines = joined.iter_lines()
                frames = [next(lines) for _ in range(8)]
                url = f"{stage.lives[0].url}/api/v1/chats/{chat}/answers/{answer}/stop"
                assert httpx.post(url).status_code in (200, 202)
                frames += list(lines)
            result = agent.result()
        assert agent.events[-1]["type"] == "RUN_ERROR"
        assert agent.events[-1]["code"] == "cancelled"
        assert result["messages"][-1]["content"] == "The quick brown fox"
        events = [json.loads(line[6:]) for line in frames if line.startswith("data: ")]
        assert [event["type"] for event in events] == [
            *("RUN_STARTED", "STEP_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT"),
            *("TEXT_MESSAGE_END", "RUN_ERROR"),
        ]
        assert events[3]["delta"] == " brown fox"

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"threadId": "t"}, "runId"),
            ({"threadId": "t", "runId": "r", "messages": []}, "must be a user's"),
            (
                {
                    "threadId": "t",
                    "runId": "r",
                    "messages": [{"role": "user", "content": [{"type": "image"}]}],
                },
                "must be text",
            ),
        ],
    )
    def test_what_is_no_run_is_refused(
        self, stage: Stage, chat: str, body: dict[str, Any], said: str
    ) -> None:
        answer = httpx.post(address(stage, chat), json=body)
        assert answer.status_code == 400
        assert said in answer.json()["detail"]
