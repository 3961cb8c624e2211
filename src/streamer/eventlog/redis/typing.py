"""Who is typing, in Redis."""

from __future__ import annotations

from typing import Final

import msgspec

from ..typing import MAX_FOUND, Typist
from .keys import Keys
from .link.commands import Commands
from .script import Script
from .stored import what_we_stored

_TYPING: Final = Script("rights.lua", "typing.lua")


class RedisTypists:
    """`Typists` in Redis, by typing.lua."""

    def __init__(self, keys: Keys, commands: Commands) -> None:
        self._keys: Final = (keys.typing,)
        self._commands: Final = commands

    async def begin(self, typist: Typist, seconds: float) -> None:
        """See `Typists.begin`."""
        arguments = ("begin", int(seconds * 1000), _text(typist))
        await self._commands.run_script(_TYPING, self._keys, arguments)

    async def end(self, typist: Typist) -> bool:
        """See `Typists.end`."""
        return bool(await self._commands.call("ZREM", *self._keys, _text(typist)))

    async def lapsed(self) -> list[Typist]:
        """See `Typists.lapsed`."""
        found = await self._commands.run_script(_TYPING, self._keys, ("lapsed", MAX_FOUND))
        with what_we_stored:
            return [Typist(*msgspec.json.decode(text, type=tuple[str, str, str])) for text in found]


def _text(typist: Typist) -> bytes:
    return msgspec.json.encode(msgspec.structs.astuple(typist))
