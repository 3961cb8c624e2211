"""The AI server whose stream is recorded."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from .frames import UpstreamFailed

if TYPE_CHECKING:
    import httpx

#: Seconds for the first frame, and between two: one that reasons may think for minutes before its
#: first word.
SILENCE_SECONDS: Final = 300.0
#: Bytes of one frame: a response that is completed is in one, with all that it was asked.
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
#: Bytes of a refusal that are read.
_REFUSAL_BYTES: Final = 16 * 1024
_TOO_LARGE: Final = f"the AI server sent a frame of more than {MAX_FRAME_BYTES} bytes"
_EVENT_STREAM: Final = "text/event-stream"


class UpstreamRefused(Exception):
    """The AI server answered with no stream.

    Args:
        status: its HTTP status; 502 if it could not be asked.
        said: its body, or a sentence.
        retry_after: its ``Retry-After``.
    """

    def __init__(self, status: int, said: str, retry_after: str | None = None) -> None:
        super().__init__(f"the AI server answered with the status {status}")
        self.status = status
        self.said = said
        self.retry_after = retry_after


async def stream(
    url: str, body: bytes, *, key: str | None, silence: float = SILENCE_SECONDS
) -> AsyncGenerator[bytes]:
    """Yield the data of each frame that is streamed in answer to a POST of `body` to `url`.

    Raises:
        UpstreamRefused: it is not there, or has another answer.
        UpstreamFailed: it is lost, silent for `silence` seconds, or sends what is too large.
    """
    headers = headers_of(key) | {"Accept": _EVENT_STREAM}
    # Whoever serves knows this kind of job, and only a worker that runs one waits for these.
    import httpx  # noqa: PLC0415

    from ...client.frames import Frames, FrameTooLarge  # noqa: PLC0415
    from ...client.open_client import open_patiently  # noqa: PLC0415

    begun = False
    try:
        async with (
            await open_patiently(silence) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            await _check(response)
            begun = True
            frames = Frames()
            async for piece in response.aiter_bytes():
                for frame in frames.feed(piece):
                    yield _bounded(frame.body)
    except httpx.ReadTimeout as error:
        raise _lost(f"the AI server was silent for {silence:g} s", begun=begun) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Not its text: that may repeat the address, and what is in it.
        raise _lost(f"the AI server was lost ({type(error).__name__})", begun=begun) from error
    except FrameTooLarge as error:
        raise UpstreamFailed(_TOO_LARGE) from error


def headers_of(key: str | None) -> dict[str, str]:
    """The headers of a request to the AI server; `key` is ours, never a client's."""
    headers = {"Content-Type": "application/json"}
    return headers if key is None else headers | {"Authorization": f"Bearer {key}"}


def _lost(said: str, *, begun: bool) -> Exception:
    return UpstreamFailed(said) if begun else UpstreamRefused(HTTPStatus.BAD_GATEWAY, said)


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_FRAME_BYTES:
        raise UpstreamFailed(_TOO_LARGE)
    return body


async def _check(response: httpx.Response) -> None:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if response.status_code == HTTPStatus.OK:
        if kind not in ("", _EVENT_STREAM):
            said = f"the AI server does not stream: it answered with {kind[:80]}"
            raise UpstreamRefused(HTTPStatus.BAD_GATEWAY, said)
        return
    refusal = b""
    async for piece in response.aiter_bytes():
        refusal += piece
        if len(refusal) > _REFUSAL_BYTES:
            break
    raise UpstreamRefused(
        response.status_code,
        refusal.decode(errors="replace"),
        response.headers.get("Retry-After"),
    )
