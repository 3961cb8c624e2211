"""Who answers in conversations, as a setting has it."""

from __future__ import annotations

from typing import Final

from .server_url import check_server_url, without_userinfo

#: The small responder of our own.
BUILTIN: Final = "builtin"
#: Nobody, also where `streamer run` would have that responder answer.
NOBODY: Final = "none"
#: What is allowed, in words.
ALLOWED: Final = (
    "builtin, none, or the base URL of an OpenAI-compatible server, as in "
    "https://api.openai.com/v1 or http://127.0.0.1:11434/v1"
)


def check_ai_url(text: str) -> str:
    """Return `text` if it says who answers.

    Raises:
        InvalidServerURL: it does not.
    """
    return text if text in (BUILTIN, NOBODY) else check_server_url(text)


def shown_ai_url(text: str) -> str:
    """`text` as it may be shown."""
    return text if text in (BUILTIN, NOBODY) else without_userinfo(text)
