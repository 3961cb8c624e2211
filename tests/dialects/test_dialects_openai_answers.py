"""Answers of a conversation as OpenAI's responses: numbered alike however they were said."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import openai
import pytest

import streamer
from streamer.chats.answer_reading import AnswerReading
from streamer.dialects.openai.answer_frames import AnswerFrames, response_of
from streamer.events.answer_fold import AnswerFold
from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.jobs.recording.frames import Frame
from streamer.jobs.worker import open_publisher
from streamer.publishing.answer_events import AnswerEvents
from support.ai_stage import Stage
from support.waiting import wait_until_blocking

EVENTS: Final = AnswerEvents("chats/42", "a1")


def body(event: Any, number: int) -> dict[str, Any]:  # noqa: ANN401 - a new event
    made = Event(Cursor(1, number), event.type, event.topics, event.fields)
    said: dict[str, Any] = msgspec.json.decode(made.body)
    return said


def parts(chance: random.Random) -> Iterator[dict[str, Any]]:
    """Some of what an answer may say, in pieces."""
    for number in range(1, chance.randint(2, 5)):
        kind = chance.choice(["text", "reasoning", "tool", "step"])
        if kind == "tool":
            tool = {"tool_call": f"c{number}", "tool": "look"}
            yield {"type": "tool_input", **tool, "text": '{"a'}
            yield {"type": "tool_call", **tool, "input": {"a": 1}}
            yield {"type": "tool_output", **tool, "output": "b"}
        elif kind == "step":
            yield {"type": "step"}
        else:
            name = f"{kind}-{number}"
            for text in chance.choices(["Hi ", "ü", "x" * 9], k=3):
                yield {"type": kind, "part": name, "text": text}


def frames(batches: list[list[dict[str, Any]]], after: int = -1) -> list[Frame]:
    """What a client gets that is given these events, some at a time."""
    reading = AnswerReading(AnswerFold("a1"))
    told = AnswerFrames(reading, after=after)
    said = list(told.begin())
    for batch in batches:
        more = reading.take(batch)
        assert more is not None
        said += told.say(more.bits)
    return [*said, *told.end()]


def joined(said: list[Frame]) -> dict[str, str]:
    """What was said of each item, piece by piece."""
    texts: dict[str, str] = {}
    for frame in said:
        fields = msgspec.json.decode(frame.data)
        assert fields["sequence_number"] == frame.number
        if "delta" in fields:
            name = fields["item_id"]
            texts[name] = texts.get(name, "") + fields["delta"]
    return texts


def test_each_number_leads_on_to_the_rest_when_the_pieces_are_gone() -> None:
    """Over 60 random answers, each heard in pieces, and gone on with from the whole."""
    chance = random.Random(14)
    for _ in range(60):
        said = list(parts(chance))
        pieces = [EVENTS.begin(), *(EVENTS.parts([part], 1) for part in said)]
        heard = [body(event, number) for number, event in enumerate(pieces, 1)]
        fold = AnswerFold("a1")
        AnswerReading(fold).take(heard)
        whole = fold.parts()
        assert whole is not None
        end = body(EVENTS.complete(whole, "m", "stop", is_plain=False), 1000)
        live = frames([*([one] for one in heard), [end]])
        numbers = [frame.number for frame in live]
        assert numbers == sorted(set(numbers))
        assert [frame.name for frame in (live[0], live[-1])] == [
            "response.created",
            "response.completed",
        ]
        all_of_it = joined(live)
        for place, frame in enumerate(live):
            rest = frames([[heard[0], end]], after=frame.number)
            assert joined([*live[: place + 1], *rest]) == all_of_it
            assert [f.number for f in rest][-1:] == numbers[place + 1 :][-1:]
        output = msgspec.json.decode(live[-1].data)["response"]["output"]
        said_of = {item["id"]: text_of(item) for item in output}
        assert {name: text for name, text in said_of.items() if text} == all_of_it


def text_of(item: dict[str, Any]) -> str:
    if item["type"] == "function_call":
        return str(item["arguments"])
    return "".join(part["text"] for part in item.get("content", item.get("summary", ())))


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (EVENTS.complete([], "m", "length"), "incomplete"),
        (EVENTS.failed("it broke", "error"), "failed"),
        (EVENTS.failed("stopped", "cancelled"), "cancelled"),
    ],
)
def test_an_end_that_is_none_of_the_whole_says_so(event: Any, status: str) -> None:  # noqa: ANN401
    last = frames([[body(EVENTS.begin(), 1), body(event, 2)]])[-1]
    response = msgspec.json.decode(last.data)["response"]
    assert response["status"] == status
    assert last.name == ("response.failed" if status == "failed" else "response.incomplete")


def test_an_answer_of_which_nothing_is_known_has_said_nothing() -> None:
    assert response_of(AnswerFold("a1"))["output"] == []


def test_an_answer_is_read_by_the_client_and_gone_on_with_from_another_server(
    stage: Stage,
) -> None:
    """In the middle, and once its pieces are gone; by a number of another attempt it is not."""
    chat, name = f"c-{secrets.token_hex(4)}", f"a-{secrets.token_hex(4)}"
    client = stage.client(0, f"/chats/{chat}")
    other = stage.client(1, f"/chats/{chat}")
    with (
        open_publisher(stage.settings) as publisher,
        streamer.answer(f"chats/{chat}", publisher=publisher, name=name) as a,
    ):
        a.text("The quick ")
        wait_until_blocking(lambda: _is_there(client, name), "it is not said")
        stream = client.responses.retrieve(name, stream=True)
        events = [next(stream)]
        while events[-1].type != "response.output_text.delta":
            events.append(next(stream))
        assert other.responses.retrieve(name).status == "in_progress"
        a.text("brown fox")
        events.append(next(stream))
        stage.lives[0].kill()
        with pytest.raises(openai.APIError):
            next(stream)
        a.text(" jumps")
        a.model = "m1"
    stage.lives[0].start()
    last = events[-1].sequence_number
    events += list(other.responses.retrieve(name, stream=True, starting_after=last))
    said = [e.delta for e in events if e.type == "response.output_text.delta"]
    assert "".join(said) == "The quick brown fox jumps" == events[-1].response.output_text
    assert (events[-1].type, events[-1].response.model) == ("response.completed", "m1")
    assert client.responses.retrieve(name).output_text == "The quick brown fox jumps"
    with client.responses.stream(response_id=name) as adding_up:
        texts = [e.snapshot for e in adding_up if e.type == "response.output_text.delta"]
        assert texts == ["The quick brown fox jumps"]
        assert adding_up.get_final_response().output_text == "The quick brown fox jumps"
    with pytest.raises(openai.NotFoundError):
        other.responses.retrieve("nothing")
    with pytest.raises(openai.BadRequestError, match="attempt that failed"):
        other.responses.retrieve(name, stream=True, starting_after=100_000_003)


def _is_there(client: Any, name: str) -> bool:  # noqa: ANN401 - the real one
    try:
        client.responses.retrieve(name)
    except openai.NotFoundError:
        return False
    return True
