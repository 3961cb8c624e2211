"""Answers of a conversation as the log has them: what one has said, and which is the last."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..errors import NotFound
from ..eventlog.base import EventLog
from ..events.answer import Told, told_of
from ..events.answer_fold import AnswerFold
from ..events.cursor import FIRST, ORIGIN, Cursor
from ..events.event import Event
from .said import MESSAGE

#: Events of one page, and of those that are looked through for the last message.
_PAGE: Final = 500
_LOOKED_THROUGH: Final = 200


class Found(NamedTuple):
    """An answer as of a position of the log.

    Attributes:
        answer: what it has said; None if it has not begun.
        position: all events up to here were looked at.
    """

    answer: AnswerFold | None
    position: Cursor


async def last_answer(log: EventLog, topic: str) -> Found:
    """The answer that is being said: the last that has begun, or else the last that has ended.

    Raises:
        NotFound: some of what is being said is not kept any longer.
        LogUnavailable: the log is away.
    """
    back = await log.read_back((topic,), None, _LOOKED_THROUGH)
    said = next((event.id for event in back.events if event.type == MESSAGE), None)
    after = said if said is not None else ORIGIN
    answers, position = await _read(log, topic, after)
    running = [answer for answer in answers.values() if answer.end is None]
    found = max(running or answers.values(), key=_last, default=None)
    if found is None or found.reply_to is None or found.has_beginning:
        return Found(found, position)
    # It answers a message before the last one: some of it was said before that.
    return await answer_named(log, topic, found.answer, Cursor.parse(found.reply_to))


async def answer_named(log: EventLog, topic: str, answer: str, after: Cursor) -> Found:
    """What an answer has said by now; it has begun after a position.

    Raises:
        NotFound, LogUnavailable: as `last_answer`.
    """
    answers, position = await _read(log, topic, after)
    return Found(answers.get(answer), position)


async def _read(log: EventLog, topic: str, after: Cursor) -> tuple[dict[str, AnswerFold], Cursor]:
    answers: dict[str, AnswerFold] = {}
    while True:
        page = await log.read((topic,), after, _PAGE)
        if page.gaps:
            raise NotFound("some of what was said is not kept any longer")
        for event in page.events:
            told = told_of(event)
            if told is not None:
                _take(answers, event, told)
        after = page.cursor
        if page.complete:
            return answers, after


def _take(answers: dict[str, AnswerFold], event: Event, told: Told) -> None:
    answer = answers.get(told.answer)
    if answer is None:
        answer = answers[told.answer] = AnswerFold(told.answer)
    answer.take(event, told)


def _last(answer: AnswerFold) -> Cursor:
    assert answer.last is not None  # noqa: S101 - it was made for an event
    return answer.last.id or FIRST
