"""An OpenAI-compatible server: ``POST /chat/completions`` with ``stream``, and what it streams."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    import httpx

    from ...client.frames import Frames

#: Seconds for the first word, and between two: a model may think for long, but one that says
#: nothing for so long says nothing any more.
SILENCE_SECONDS: Final = 60.0
#: Bytes of a refusal that are read, and characters of it that are logged.
_REFUSAL_BYTES: Final = 16 * 1024
_REFUSAL_CHARACTERS: Final = 500
#: Statuses of which another attempt may fare better; of other 4xx it would not.
_PASSING: Final = frozenset({408, 409, 425, 429})
_SERVER_ERROR: Final = 500
_DONE: Final = b"[DONE]"

_logger: Final = logging.getLogger(__name__)


class AttemptFailed(Exception):
    """The server did not say a whole answer; it may if it is asked again."""


class Refused(Exception):
    """The server will not answer, however often it is asked."""


class Said(msgspec.Struct, frozen=True):
    """A piece of an answer.

    Attributes:
        text: what is said; may be empty.
        finish_reason: why it ended, with its last piece.
        model: who says it.
    """

    text: str = ""
    finish_reason: str | None = None
    model: str | None = None


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    model: str | None = None
    error: Any = None


_chunks: Final = msgspec.json.Decoder(_Chunk)


async def say(
    url: str,
    messages: list[dict[str, str]],
    *,
    model: str,
    key: str | None,
    silence: float = SILENCE_SECONDS,
) -> AsyncGenerator[Said]:
    """Yield what the server at the base `url` says to `messages`, piece by piece.

    It has said all once it said why it ended, or ``[DONE]``: an end without either is none.

    Raises:
        AttemptFailed: it is away, silent for `silence` seconds, has an error, or stops early.
        Refused: it will not have the request.
    """
    # Whoever serves knows this kind of job, and only a worker that runs one waits for these.
    import httpx  # noqa: PLC0415

    from ...client.frames import Frames, FrameTooLarge  # noqa: PLC0415
    from ...client.open_client import open_patiently  # noqa: PLC0415

    body = {"model": model or "default", "messages": messages, "stream": True}
    headers = {"Accept": "text/event-stream"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    try:
        async with (
            await open_patiently(silence) as client,
            client.stream(
                "POST", f"{url}/chat/completions", json=body, headers=headers
            ) as response,
        ):
            await _check(response)
            async for said in _read(response, Frames()):
                yield said
    except httpx.ReadTimeout as error:
        raise AttemptFailed(f"the AI server was silent for {silence:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Not its text: that may repeat the address, and what is in it.
        raise AttemptFailed(f"the AI server was lost ({type(error).__name__})") from error
    except FrameTooLarge as error:
        raise AttemptFailed("the AI server sent something that does not end") from error


async def _check(response: httpx.Response) -> None:
    status = response.status_code
    if status == HTTPStatus.OK:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind not in ("", "text/event-stream"):
            raise Refused(f"the AI server does not stream: it answered with {kind[:80]}")
        return
    refusal = b""
    async for piece in response.aiter_bytes():
        refusal += piece
        if len(refusal) > _REFUSAL_BYTES:
            break
    # For the operator; those who read the answer have no use for it.
    _logger.warning(
        "the AI server answered %d: %s",
        status,
        refusal.decode(errors="replace")[:_REFUSAL_CHARACTERS],
    )
    told = f"the AI server answered with the status {status}"
    if status in _PASSING or status >= _SERVER_ERROR:
        raise AttemptFailed(told)
    raise Refused(told)


async def _read(response: httpx.Response, frames: Frames) -> AsyncGenerator[Said]:
    is_over = False
    async for piece in response.aiter_bytes():
        for frame in frames.feed(piece):
            if frame.body.strip() == _DONE:
                return
            said = _said(frame.body)
            is_over = is_over or said.finish_reason is not None
            yield said
    if not is_over:
        raise AttemptFailed("the AI server stopped in the middle of its answer")


def _said(body: bytes) -> Said:
    try:
        chunk = _chunks.decode(body)
    except msgspec.MsgspecError as error:
        raise AttemptFailed("the AI server sent what is no chunk of an answer") from error
    if chunk.error is not None:
        detail = chunk.error.get("message") if isinstance(chunk.error, Mapping) else chunk.error
        _logger.warning("the AI server failed: %s", str(detail)[:_REFUSAL_CHARACTERS])
        raise AttemptFailed("the AI server failed in the middle of its answer")
    # One answer was asked for; of others, or of none as with usage, nothing is said.
    for choice in chunk.choices:
        if choice.index == 0:
            text = (choice.delta and choice.delta.content) or ""
            return Said(text, choice.finish_reason, chunk.model)
    return Said(model=chunk.model)
