"""Why a client gives up, or waits: the errors that it raises, and what it reports meanwhile.

::

    ClientError
    ├── Refused        the server will not serve this, now or later
    └── Unreachable    as many attempts in a row failed as may
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..errors import OUTCOMES


class ClientError(Exception):
    """Say in one sentence why the client has given up."""


class Refused(ClientError):
    """The server will not serve this, now or later; ``detail`` says why.

    ``status`` is that of its answer, 0 if there was none; over WebSocket the one that
    it would have had. ``code`` is the error's own, as in docs/PROTOCOL.md, "Errors";
    None if the answer is not a Streamer's.
    """

    def __init__(self, status: int, detail: str, code: str | None = None) -> None:
        super().__init__(detail)
        self.status: Final = status
        self.detail: Final = detail
        self.code: Final = code


class Unreachable(ClientError):
    """`attempts` connections in a row failed; ``reason`` says why the last one did."""

    def __init__(self, reason: str, attempts: int) -> None:
        super().__init__(f"gave up after {attempts} attempts: {reason}")
        self.reason: Final = reason
        self.attempts: Final = attempts


class Lost(Exception):
    """A connection that was lost, or was not made: another may be better."""

    def __init__(self, reason: str, *, unreachable: bool = False) -> None:
        super().__init__(reason)
        self.reason: Final = reason
        self.unreachable: Final = unreachable


class Interruption(msgspec.Struct, frozen=True):
    """A connection that is over, and when the next one is tried.

    Attributes:
        reason: why, in a few words for people.
        seconds: until the next attempt.
        attempt: its number since the last event came, from 1.
        unreachable: nobody answered at all: no connection was made.
    """

    reason: str
    seconds: float
    attempt: int
    unreachable: bool = False


def refusal(status: int, body: bytes) -> Refused:
    """The refusal of an answer: its problem+json says why, or else its status."""
    try:
        problem = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        problem = {}
    code = problem.get("code")
    return Refused(
        status,
        str(problem.get("detail") or f"the server answered {status}"),
        code if isinstance(code, str) else None,
    )


def status_of(code: object) -> int:
    """The HTTP status of an error; 0 if it is not one of ours."""
    outcome = OUTCOMES.get(code) if isinstance(code, str) else None
    return 0 if outcome is None else outcome.status
