"""The job that says the answer to a message, from whoever the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import msgspec

from ...config.ai import BUILTIN, NOBODY
from ...config.settings import Settings
from ...errors import EventTooLarge, LogUnavailable
from ...events.cursor import Cursor
from ...events.topic import chat_topic
from ...publishing.answer import Answer
from ..answer import answer
from ..current import progress
from ..kinds import JobKind
from ..progress import Progress
from . import builtin, completions
from .completions import Refused, Said
from .history import Line, as_messages, read_history

#: Seconds between two looks whether to stop, while nothing is said.
_LOOK_SECONDS: Final = 0.2
#: Seconds in which what was said before is read.
_READ_SECONDS: Final = 10.0
#: Seconds that one attempt may take.
_ATTEMPT_SECONDS: Final = 900


class ChatAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The message that is to be answered, and the conversation that it is of."""

    chat: str
    message_id: str


def run(parameters: ChatAnswer, settings: Settings) -> dict[str, Any]:
    """Say the answer; return its name, and how many characters it has.

    Raises:
        AttemptFailed: whoever is asked did not say all of it.
        Refused: nobody will, however often they are asked.
        LogUnavailable: the log is away.
        JobCancelled: somebody cancelled it.
    """
    job, topic = progress(), chat_topic(parameters.chat)
    message_id = Cursor.parse(parameters.message_id)
    if settings.ai_url in (None, NOBODY):
        raise Refused("nobody answers here: STREAMER_AI_URL is not set where the worker runs")
    if job.publisher is None:
        raise LogUnavailable("the job is not run by a worker that publishes")
    lines = job.publisher.ask(lambda log: read_history(log, topic, message_id), _READ_SECONDS)
    with answer(topic, reply_to=parameters.message_id) as a:
        if not lines:
            raise Refused("the message that is to be answered is not kept any longer")
        asyncio.run(_say_all(a, job, _asked(lines, job.attempt, settings)))
    return {"answer": a.name, "characters": len(a.said)}


def _asked(lines: list[Line], attempt: int, settings: Settings) -> AsyncGenerator[Said]:
    if settings.ai_url == BUILTIN:
        return builtin.say(lines, attempt, builtin.PACE)
    return completions.say(
        (settings.ai_url or "").rstrip("/"),
        as_messages(lines),
        model=settings.ai_model,
        key=settings.ai_key,
    )


async def _say_all(a: Answer, job: Progress, saying: AsyncGenerator[Said]) -> None:
    """Say it all, and look whether to stop, also while nothing comes."""
    task = asyncio.create_task(_say(a, saying))
    try:
        while not task.done():
            job.raise_if_cancelled()
            await asyncio.wait({task}, timeout=_LOOK_SECONDS)
    finally:
        task.cancel()
        await asyncio.wait({task})
        await saying.aclose()
    task.result()


async def _say(a: Answer, saying: AsyncGenerator[Said]) -> None:
    async for said in saying:
        a.model = said.model or a.model
        a.finish_reason = said.finish_reason or a.finish_reason
        try:
            a.text(said.text)
        except EventTooLarge:
            # What was said is an answer, and it says that there was more.
            a.finish_reason = "length"
            return


CHAT_ANSWER: Final = JobKind(
    name="chat_answer",
    parameters=ChatAnswer,
    run=run,
    is_own=True,
    options={
        "throws": (Refused,),
        "time_limit": _ATTEMPT_SECONDS * 1000,
        # Somebody waits for it: before what else waits, and again soon.
        "priority": -10,
        "min_backoff": 1000,
        "max_backoff": 15_000,
        # It looks by itself.
        "notify_shutdown": False,
    },
)
