"""What is asked about one reader's cursor on a topic, and what the answer says."""

from __future__ import annotations

from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from ..config.server_url import API, without_userinfo
from .lost import check_trust
from .refusals import Refused, Unreachable, refusal

AnswerT = TypeVar("AnswerT")

#: Of the HTTP client: seconds for an answer, which takes the server milliseconds.
OPTIONS: Final[dict[str, Any]] = {"timeout": 10.0, "follow_redirects": True}
#: Answers that another try may change: docs/PROTOCOL.md, "Errors".
_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class Moved(msgspec.Struct, frozen=True):
    """What the server answers to whoever has moved a cursor."""

    moved: bool


class CursorRequests:
    """What is asked about one reader's cursor on a topic, and what the answer says."""

    def __init__(self, url: str, topic: str, reader: str | None) -> None:
        self._shown: Final = without_userinfo(url)
        self._path: Final = f"{API}/topics/{quote(topic, safe='/~')}/cursor"
        self._named: Final = {} if reader is None else {"reader": reader}

    def request(self, method: str, to: str | None) -> dict[str, Any]:
        """What the library is asked for: to read the cursor, or to move it `to` an event."""
        what = {"params": self._named} if to is None else {"json": {**self._named, "cursor": to}}
        return {"method": method, "url": self._path, **what}

    def answer(self, answer: httpx.Response, kind: type[AnswerT]) -> AnswerT:
        """Read an answer.

        Raises:
            Refused: the server says no, or is no Streamer.
            Unreachable: it can say nothing now.
        """
        if answer.status_code in _LATER:
            raise Unreachable(refusal(answer.status_code, answer.content).detail, 1)
        if not answer.is_success:
            raise refusal(answer.status_code, answer.content)
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            what = answer.headers.get("Content-Type", "nothing").partition(";")[0]
            raise Refused(
                answer.status_code, f"the server answered {what}, not as a Streamer does"
            ) from error

    def lost(self, error: httpx.RequestError) -> Unreachable:
        """Why there is no answer.

        Raises:
            Refused: another try would be answered the same.
        """
        if isinstance(error, httpx.ConnectError):
            check_trust(error)
        if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
            raise Refused(0, f"this request cannot be sent: {error}") from error
        reason = error or type(error).__name__
        return Unreachable(f"no server answers at {self._shown}: {reason}", 1)
