"""An actor of a user's own answers in conversations, also where the AI SDK posts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx

from support.live import StartLive
from support.own_project import Write
from support.processes import streamer

TASKS: Final = """
import time

import dramatiq

import streamer


@streamer.job_kind
@dramatiq.actor(max_retries=0)
def reply(chat: str, message_id: str):
    topic = f"chats/{chat}"
    asked = streamer.conversation(topic, message_id)[-1]["content"]
    if asked == "nothing":
        return
    if asked == "fail":
        raise ValueError("there is no model")
    with streamer.answer(topic, reply_to=message_id) as a:
        said = streamer.conversation(topic, message_id)
        a.text(" ".join(f"{line['role']}: {line['content']}." for line in said))
        while asked == "and so on":
            a.text(" On.")
            time.sleep(0.01)
"""


def chunks(stream: httpx.Response) -> Iterator[dict[str, Any]]:
    """The chunks of a stream, which ends as one that is over."""
    last = ""
    for line in stream.iter_lines():
        if line.startswith("data: {"):
            yield json.loads(line.removeprefix("data: "))
        last = line or last
    assert last == "data: [DONE]"


def body(text: str) -> dict[str, Any]:
    parts = [{"type": "text", "text": text}]
    return {"id": "42", "messages": [{"id": text, "role": "user", "parts": parts}]}


def test_it_answers_what_is_posted_knows_what_was_said_and_is_stopped(
    start_live: StartLive, own_project: Write
) -> None:
    """Until its worker has started an answer fails at once."""
    live = start_live(STREAMER_AI_KIND="reply")
    with httpx.Client(base_url=f"{live.url}/api/v1/ai/chats") as client:

        def said(text: str) -> tuple[str, str]:
            with client.stream("POST", "", json=body(text)) as stream:
                told = list(chunks(stream))
            return "".join(c.get("delta", "") for c in told), told[-1]["type"]

        assert said("anybody?") == ("", "error")
        project = own_project(tasks=TASKS)
        with streamer("worker", "tasks", cwd=project, environ=live.environ) as worker:
            worker.wait_for("running jobs in")
            assert said("hello") == ("user: anybody?. user: hello.", "finish")
            # Also where it does not begin an answer, nobody waits for ever.
            assert said("nothing") == said("fail") == ("", "error")
            told: list[str] = []
            with client.stream("POST", "", json=body("and so on")) as stream:
                for chunk in chunks(stream):
                    told.append(chunk["type"])
                    if told.count("text-delta") == 2:
                        assert client.post("/42/stop").status_code in (200, 202)
            assert told[-1] == "abort"
            assert client.get("/42/stream").text.endswith("data: [DONE]\n\n")
