"""An answer that a test says, and tells when it wants; without a clock and without a task."""

from __future__ import annotations

from typing import Any, Final

from streamer.eventlog.base import EventLog
from streamer.publishing.answer_events import AnswerEvents
from streamer.publishing.said import Said
from streamer.publishing.saying import Saying

CHAT: Final = "chats/42"
#: Room for a segment of some 1,700 bytes.
SMALL: Final = 5_200


class Speaker(Saying):
    """Says what a test wants, and tells it when the test wants; to a log, without a clock."""

    def __init__(
        self,
        log: EventLog,
        attempt: int = 1,
        max_bytes: int = SMALL,
        reply_to: str | None = None,
    ) -> None:
        self.log: Final = log
        self.said: Final = Said(AnswerEvents(CHAT, "a", attempt, reply_to, max_bytes))
        self.now = 0.0

    def _say(self, kind: str, text: str, tool_call: dict[str, Any] | None = None) -> None:
        self.said.add(text, kind, tool_call)

    def _say_part(self, part: dict[str, Any]) -> None:
        self.said.add_part(part)

    async def tell(self) -> None:
        """Append what was said by now."""
        self.now += 10
        while self.said.due_at(self.now):
            taken, done = self.said.take(self.now)
            await self.log.append_all(taken)
            if done is not None:
                done.set_result(None)
            self.now += 10
