"""A small responder that says that it is one: for trying out what a conversation looks like."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Final

from .completions import AttemptFailed, Said
from .history import Line

#: What is said of an answer: who said it.
MODEL: Final = "streamer-builtin"
#: Seconds between two words: as fast as one reads along.
PACE: Final = 0.06
#: Characters of a message that it repeats.
_REPEATED: Final = 80

_WHO: Final = (
    "I am Streamer's built-in responder: a few prepared sentences, and no model. "
    "To have one answer here, set STREAMER_AI_URL to any OpenAI-compatible server."
)
_HELP: Final = (
    "Say “long” for a longer answer, to reload the page in its middle or to open a second tab; "
    "or “fail” for an answer whose first attempt breaks off, and begins anew."
)
_LONG: Final = """
This answer is streamed word by word. What I say within 40 milliseconds is one event, so that \
a fast model does not flood anybody, and no word is ever dropped.

Reload the page now: what I have said so far is in the log, and is sent to you again, in order \
and once. Open a second tab, or another device, and it says the same.

Kill the worker, if you like: another one begins this answer anew, and tells you that what was \
said is void, before it says its first word.

When I am done, one event says the whole of it, and the pieces are removed from the log. So a \
conversation stays as long as what was said in it, and whoever comes late reads short.
""".strip()


async def say(lines: list[Line], attempt: int, pace: float) -> AsyncGenerator[Said]:
    """Yield an answer to the last of `lines`, a word at a time; the same to the same.

    Raises:
        AttemptFailed: it was asked to fail, and this is the first attempt.
    """
    fails = is_asked(lines, "fail") and attempt == 1
    words = re.findall(r"\S+\s*", text_of(lines))
    for word in words[: len(words) // 2] if fails else words:
        await asyncio.sleep(pace)
        yield Said(word, None, MODEL)
    if fails:
        raise AttemptFailed("the built-in responder was asked to fail")
    yield Said("", "stop", MODEL)


def text_of(lines: list[Line]) -> str:
    """The whole answer to the last of `lines`."""
    said = lines[-1]
    if is_asked(lines, "long"):
        return f"{_WHO}\n\n{_LONG}"
    text = " ".join(said.text.split())
    repeated = text if len(text) <= _REPEATED else f"{text[:_REPEATED]}…"
    count = len(said.text.split())
    counted = f"{count} word{'' if count == 1 else 's'}"
    return f"You said “{repeated}”, which is {counted}. {_WHO}\n\n{_HELP}"


def is_asked(lines: list[Line], word: str) -> bool:
    """Whether the last of `lines` has a word."""
    return re.search(rf"\b{word}\b", lines[-1].text, re.IGNORECASE) is not None
