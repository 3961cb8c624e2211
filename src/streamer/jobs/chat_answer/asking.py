"""Asks for answers, once for each message, and stops them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec

from ...config.ai import NOBODY
from ...config.settings import Settings
from ...errors import StreamerError
from ...events.topic import chat_topic
from ...publishing.answer_events import AnswerEvents
from ...publishing.publisher import Publisher
from ...tracing.doing import current_trace
from ..submit import Jobs, unknown_answer
from .chat_answer import CHAT_ANSWER, ChatAnswer

_logger: Final = logging.getLogger(__name__)


class Answers:
    """The answers of a server's conversations.

    Args:
        jobs: makes what queues jobs, when it is first wanted.
        kind: the name of the kind of job that says them; its parameters are those of
            `ChatAnswer`.
    """

    def __init__(
        self, jobs: Callable[[], Jobs], publisher: Publisher, kind: str = CHAT_ANSWER.name
    ) -> None:
        self._jobs: Final = jobs
        self._publisher: Final = publisher
        self._kind: Final = kind

    async def ask(self, chat: str, message_id: str) -> None:
        """Have a message answered, once, however often this is asked.

        The message is said, whatever becomes of its answer: one that cannot be queued is told
        as failed in the conversation.
        """
        parameters = ChatAnswer(chat, message_id)
        await self._ask(parameters, _job_of(parameters))

    async def ask_again(self, chat: str, message_id: str, answer: str) -> str:
        """Have a message answered anew, once for each answer that is not wanted.

        Return the name of the answer that is to come.
        """
        parameters = ChatAnswer(chat, message_id)
        job_id = _job_of(parameters, answer)
        await self._ask(parameters, job_id)
        return job_id

    async def message_of(self, chat: str, answer: str) -> str | None:
        """The id of the message that an answer of a conversation is for, if that is known."""
        asked = await self._jobs().asked_with(answer.partition(":")[0])
        return asked["message_id"] if asked is not None and asked.get("chat") == chat else None

    async def _ask(self, asked: ChatAnswer, job_id: str) -> None:
        try:
            # It is there from now on, for whoever looks, though nobody speaks yet.
            await self._publisher.append(self._events(asked, job_id, 1).begin())
            kind = await self._jobs().kind(self._kind)
            parameters = kind.read(msgspec.structs.asdict(asked))
            answers = chat_topic(asked.chat), asked.message_id
            await self._jobs().ask(kind, parameters, job_id, answers)
        except StreamerError as error:
            _logger.warning(
                "the message %s of %r is not answered: %s", asked.message_id, asked.chat, error
            )
            await self._tell_failed(asked, job_id, 1, "the answer could not be queued")

    async def stop(self, chat: str, answer: str) -> dict[str, Any]:
        """Stop an answer of a conversation; may be repeated. Return the state of its job.

        Raises:
            NotFound: the conversation has no such answer.
        """
        job_id = answer.partition(":")[0]
        message = await self._jobs().asked_with(job_id)
        if message is None or message.get("chat") != chat:
            raise unknown_answer(answer)
        state = await self._jobs().cancel(job_id)
        await self.cancelled(job_id, state, answer)
        return state

    async def cancelled(
        self, job_id: str, state: dict[str, Any], answer: str | None = None
    ) -> None:
        """Tell the conversation that an answer was cancelled, if that is what a job's `state` says.

        One that runs is told of by its worker, with what was said of it.
        """
        if state.get("kind") != self._kind or state.get("status") != "cancelled":
            return
        message = await self._jobs().asked_with(job_id)
        if message is not None:
            parameters = ChatAnswer(message["chat"], message["message_id"])
            attempt = state.get("attempt") or 1
            await self._tell_cancelled(parameters, answer or job_id, attempt)

    async def _tell_cancelled(self, asked: ChatAnswer, answer: str, attempt: int) -> None:
        events = self._events(asked, answer, attempt)
        await self._publisher.append(events.failed("the answer was cancelled", "cancelled"))

    async def _tell_failed(self, asked: ChatAnswer, answer: str, attempt: int, why: str) -> None:
        try:
            await self._publisher.append(self._events(asked, answer, attempt).failed(why, "error"))
        except StreamerError as error:
            _logger.warning("it is not told that %s is not answered: %s", asked.message_id, error)

    def _events(self, asked: ChatAnswer, answer: str, attempt: int) -> AnswerEvents:
        return AnswerEvents(
            chat_topic(asked.chat),
            answer,
            attempt,
            asked.message_id,
            self._publisher.max_event_bytes,
            current_trace(),
        )


def answers_here(
    settings: Settings, jobs: Callable[[], Jobs], publisher: Publisher
) -> Answers | None:
    """The answers of conversations, as `settings` have them; None: nobody answers."""
    if settings.ai_kind is not None:
        return Answers(jobs, publisher, settings.ai_kind)
    return None if settings.ai_url in (None, NOBODY) else Answers(jobs, publisher)


def answer_to(chat: str, message_id: str) -> str:
    """The name of the answer to a message, which is that of its job too."""
    return _job_of(ChatAnswer(chat, message_id))


def _job_of(asked: ChatAnswer, instead_of: str = "") -> str:
    """The job that answers a message: the same whoever asks for it, and no other's."""
    named = f"{asked.chat}\n{asked.message_id}" + (f"\n{instead_of}" if instead_of else "")
    return hashlib.sha256(named.encode()).hexdigest()[:32]
