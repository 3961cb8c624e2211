"""That somebody is typing: said while they are, and that they no longer are, whoever is gone."""

from __future__ import annotations

import logging
from typing import Final

from ..eventlog.base import EventLog
from ..eventlog.typing import TYPING_SECONDS, Typist
from ..every import every
from ..publishing.publisher import Publisher
from .said import TYPING, Typing
from .speaker import Speaker

_logger: Final = logging.getLogger(__name__)

#: Seconds between two looks for those who type no longer, at most.
_LOOK_SECONDS: Final = 1.0


class TypingWatch:
    """Every server has one: of whoever was typing and says nothing more, one tells the end."""

    def __init__(self, log: EventLog, publisher: Publisher) -> None:
        self._log: Final = log
        self._publisher: Final = publisher

    async def say(self, topic: str, speaker: Speaker, typing: Typing) -> None:
        """Report that somebody is typing in a conversation, or no longer is.

        Raises:
            LogUnavailable: it may not have been reported.
        """
        typist = Typist(topic, speaker.user, speaker.username)
        if typing.is_typing:
            await self._log.typists.begin(typist, TYPING_SECONDS)
        else:
            await self._log.typists.end(typist)
        await self._report(typist, typing)

    async def stop(self, topic: str, speaker: Speaker) -> None:
        """Report that somebody types no longer, if they did: they have left, or said it.

        Raises:
            LogUnavailable: it may not have been reported; their time ends by itself.
        """
        typist = Typist(topic, speaker.user, speaker.username)
        if await self._log.typists.end(typist):
            await self._report(typist, Typing(is_typing=False))

    async def run(self) -> None:
        """Look until cancelled."""
        await every(_LOOK_SECONDS, self.look, "looking who types no longer", logger=_logger)

    async def look(self) -> None:
        """Report the end of those whose time is over."""
        for typist in await self._log.typists.lapsed():
            await self._report(typist, Typing(is_typing=False))

    async def _report(self, typist: Typist, typing: Typing) -> None:
        fields = typing.fields(Speaker(typist.user, typist.username))
        await self._publisher.publish(typist.topic, TYPING, fields, ephemeral=True)
