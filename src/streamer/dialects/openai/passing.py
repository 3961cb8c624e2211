"""A request that is passed on as it is, and its answer passed back as it comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from litestar.types import ASGIApp, Receive, Scope, Send

from ...errors import TooManyConnections
from ...jobs.recording.playback import Refusal
from ...jobs.recording.upstream import headers_of
from .problems import refused

if TYPE_CHECKING:
    import httpx

#: Seconds of silence, and in all.
_SILENCE_SECONDS: Final = 600.0
_TOTAL_SECONDS: Final = 1800.0
#: Bytes of an answer.
_MAX_ANSWER: Final = 32 * 1024 * 1024
#: Requests that are passed on at once: each holds a connection to the AI server.
_AT_ONCE: Final = 100
_BUSY_SECONDS: Final = 5.0
_BAD_GATEWAY: Final = 502
#: Fields of an answer that are passed back; what is of the connection is not.
_PASSED_BACK: Final = frozenset(
    {
        *(b"content-type", b"retry-after", b"openai-processing-ms", b"x-request-id"),
        *(b"openai-version", b"openai-model"),
    }
)
#: What the AI server answers to our key: not to be told as if it were the client's.
_OF_OUR_KEY: Final = frozenset({401, 403})


class Passing:
    """Passes requests on, so many at a time."""

    def __init__(self) -> None:
        self._passed = 0

    def on(self, url: str, body: bytes, key: str | None, of: str) -> ASGIApp:
        """The answer to a POST of `body` to `url`.

        Raises:
            TooManyConnections: as many are on their way as may be.
        """
        if self._passed >= _AT_ONCE:
            raise TooManyConnections(
                f"{self._passed} requests are being passed on to the AI server; at most "
                f"{_AT_ONCE} may be",
                retry_after=_BUSY_SECONDS,
            )

        async def answer(_scope: Scope, receive: Receive, send: Send) -> None:
            self._passed += 1
            passing = asyncio.ensure_future(_pass(url, body, key, of, send))
            leaving = asyncio.ensure_future(_left(receive))
            tasks = {passing, leaving}
            try:
                await asyncio.wait(
                    tasks, timeout=_TOTAL_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                self._passed -= 1
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            if not passing.cancelled():
                passing.result()

        return answer


async def _pass(url: str, body: bytes, key: str | None, of: str, send: Send) -> None:
    """Ask, and send what comes; an answer that is lost in its middle has no end."""
    # Most servers pass nothing on, and start without these.
    import httpx  # noqa: PLC0415

    from ...client.open_client import open_patiently  # noqa: PLC0415

    begun = False
    try:
        async with (
            await open_patiently(_SILENCE_SECONDS) as client,
            client.stream("POST", url, content=body, headers=headers_of(key)) as response,
        ):
            if response.status_code in _OF_OUR_KEY:
                refusal = Refusal(response.status_code, "")
            else:
                begun = True
                await _send(response, send)
                return
    except httpx.HTTPError as error:
        if begun:
            return
        # Not its text: that may repeat the address, and what is in it.
        said = f"the AI server was lost ({type(error).__name__})"
        refusal = Refusal(_BAD_GATEWAY, said)
    problem = refused(refusal, of)
    headers = [(b"content-type", b"application/json")]
    await _answer(send, problem.status_code or _BAD_GATEWAY, headers, problem.content)


async def _send(response: httpx.Response, send: Send) -> None:
    left = _MAX_ANSWER
    headers = [
        (name.lower(), value)
        for name, value in response.headers.raw
        if name.lower() in _PASSED_BACK
    ]
    await send(_start(response.status_code, headers))
    async for piece in response.aiter_bytes():
        left -= len(piece)
        if left < 0:
            return
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send(_start(status, headers))
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _start(status: int, headers: list[tuple[bytes, bytes]]) -> Any:  # noqa: ANN401 - a message
    return {"type": "http.response.start", "status": status, "headers": headers}


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
