"""Who may have an AI server asked, and read what was recorded; said as its clients read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from streamer.config.settings import Settings
from support.asking import ClosedStage, grants, status_of

READER: Final = grants("reader", reads=("responses/*", "completions/*", "chats/42"))
WRITER: Final = grants("writer", writes=("responses/*", "completions/*", "chats/42"))
OTHER: Final = grants("other", reads=("projects/*",), writes=("projects/*",))
BASE: Final = "/api/v1/openai/v1"
RESPONSE: Final = f"{BASE}/responses/resp_{'0' * 32}"
COMPLETION: Final = f"{BASE}/chat/completions/chatcmpl-{'0' * 32}"
ASKED: Final = b'{"model":"m","input":"x","messages":[]}'


@pytest.fixture(scope="module")
def stage() -> Iterator[ClosedStage]:
    stage = ClosedStage(READER, WRITER, OTHER, settings=Settings(ai_url="http://127.0.0.1:9/v1"))
    yield stage
    stage.end()


def error_of(answer: str) -> dict[str, Any]:
    """The error in an answer, as a client of OpenAI's API reads it."""
    error: dict[str, Any] = msgspec.json.decode(answer.partition("\r\n\r\n")[2])["error"]
    return error


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("POST", f"{BASE}/responses", "writer"),
        ("POST", f"{BASE}/chat/completions", "writer"),
        ("POST", f"{RESPONSE}/cancel", "writer"),
        ("GET", RESPONSE, "reader"),
        ("GET", f"{RESPONSE}?stream=true", "reader"),
        ("GET", COMPLETION, "reader"),
        ("GET", f"{BASE}/chats/42/responses/a1", "reader"),
        ("POST", f"{BASE}/chats/42/responses/a1/cancel", "writer"),
    ],
)
def test_each_address_asks_who_it_is_and_what_they_may(
    stage: ClosedStage, method: str, address: str, allowed: str
) -> None:
    body = ASKED if method == "POST" else b""
    for token, status in ((None, 401), ("forged", 401), ("other", 403)):
        answer = stage.ask(address, token, method=method, body=body)
        assert status_of(answer) == status
        assert error_of(answer)["type"] == "invalid_request_error"
        assert ("www-authenticate" in answer.lower()) == (status == 401)
    for token in ("reader", "writer"):
        answer = stage.ask(address, token, method=method, body=body)
        assert (status_of(answer) != 403) == (token == allowed)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[1]", "not a JSON object"),
        (b'{"stream":"yes"}', "stream must be true or false"),
        (b'{"model":1}', "model must be text"),
        (b'{"store":false,"background":true}', "must be stored"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    stage: ClosedStage, body: bytes, said: str
) -> None:
    answer = stage.ask(f"{BASE}/responses", "writer", method="POST", body=body)
    assert status_of(answer) == 400
    assert said in error_of(answer)["message"]


def test_a_parameter_that_is_none_is_refused(stage: ClosedStage) -> None:
    answer = stage.ask(f"{RESPONSE}?starting_at=1", "reader")
    assert status_of(answer) == 400
    assert "did you mean starting_after?" in error_of(answer)["message"]


@pytest.mark.parametrize("url", [None, "none", "builtin"])
def test_without_an_ai_server_it_is_said_how_to_have_one(url: str | None) -> None:
    stage = ClosedStage(WRITER, settings=Settings(ai_url=url))
    answer = stage.ask(f"{BASE}/responses", "writer", method="POST", body=ASKED)
    stage.end()
    assert status_of(answer) == 404
    assert "STREAMER_AI_URL" in error_of(answer)["message"]
