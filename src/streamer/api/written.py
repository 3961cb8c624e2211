"""Documents that take long to write, and that anybody may ask for: written once, in a thread.

The whole schema is 200 kB, made of all handlers: it takes half a second the first time, and 30 ms
from then on, in which an event loop would serve no reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Final


class Written:
    """The documents of one app, each kept as long as what they are made of is the same."""

    def __init__(self) -> None:
        self._of: object = None
        self._texts: dict[Hashable, bytes] = {}
        # Of many who ask for the first time one writes, and the others wait.
        self._writing: Final = asyncio.Lock()

    async def text(self, of: object, name: Hashable, write: Callable[[], bytes]) -> bytes:
        """The document called `name`, which `write` makes of what is `of` now."""
        if of != self._of:
            self._of, self._texts = of, {}
        texts = self._texts
        async with self._writing:
            if name not in texts:
                texts[name] = await asyncio.to_thread(write)
            return texts[name]
