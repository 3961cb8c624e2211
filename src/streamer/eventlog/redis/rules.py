"""The rules of the log, in Redis."""

from __future__ import annotations

from typing import Final

import msgspec

from ...config.retention import Retention
from ...config.rules import Rules, changed, written
from ...errors import LogUnavailable
from .keys import Keys
from .link.commands import Commands
from .script import Script
from .stored import what_we_stored

#: Times that an append is laid out anew, since the log has other rules meanwhile.
MAX_RULES: Final = 5

_RULES: Final = Script("rights.lua", "with_set.lua", "rules.lua")
_RETAIN: Final = Script("rights.lua", "with_set.lua", "retain.lua")


class RedisRules:
    """`LogRules` in Redis.

    Args:
        own: what the log was opened with.
    """

    def __init__(self, keys: Keys, commands: Commands, own: Rules) -> None:
        self._keys: Final = keys
        self._commands: Final = commands
        self._own: Final = own
        self._number = ""
        self.current = own

    def follow(self, text: bytes) -> None:
        """Go by the rules that the log has.

        Raises:
            LogUnavailable: they are not ours.
        """
        with what_we_stored:
            self.current = self._own if text == self._own.text else Rules.read(text)

    async def uphold(self) -> bool:
        """See `LogRules.uphold`."""
        number, text, is_own = await self._commands.run_script(
            _RULES, (self._keys.rules,), (self._number, self._own.text, self.current.set_text)
        )
        self._number = number
        self.follow(text)
        return bool(is_own)

    async def look(self) -> None:
        """See `LogRules.look`."""
        text: bytes | None = await self._commands.call("HGET", self._keys.rules, "text")
        if text is not None:
            self.follow(text)

    async def retain(self, prefix: str, kept: Retention | None) -> None:
        """See `LogRules.retain`."""
        known = self.current.set
        for _ in range(MAX_RULES):
            by_hand = changed(known, prefix, kept)
            arguments = (written(known), written(by_hand), self._own.text)
            found, text = await self._commands.run_script(_RETAIN, (self._keys.rules,), arguments)
            if text is not None:
                self.follow(text)
                return
            with what_we_stored:
                known = msgspec.json.decode(found or b"{}", type=dict[str, Retention])
        raise LogUnavailable("its rules change too often (are they set in a loop?)")
