"""One question to a server over HTTP, whose answer is a JSON object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from ..config.server_url import without_userinfo
from .bearer import presented
from .open_client import open_client
from .refusals import Refused, refusal

#: Seconds; a list is read in a second or two, a job is queued within five.
_TIMEOUT: Final = 15.0


def ask(
    method: str,
    url: str,
    path: str,
    query: Mapping[str, str | Sequence[str]] | None = None,
    *,
    token: str | None = None,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what the server at `url` answers; `body` is sent as JSON.

    Raises:
        Refused: it says no, or is no Streamer; status 0 if nobody answered.
        InvalidServerURL: `url` is malformed.
    """
    shown = without_userinfo(url)
    sent: dict[str, Any] = {} if body is None else {"json": dict(body)}
    try:
        with open_client(httpx.Client, url, timeout=_TIMEOUT) as client:
            answer = client.request(
                method, path, params=dict(query or {}), **sent, **presented(token)
            )
    except httpx.RequestError as error:
        raise Refused(0, f"no server answers at {shown}: {error or 'no answer in time'}") from error
    if answer.has_redirect_location:
        place = without_userinfo(answer.headers["Location"])
        raise Refused(answer.status_code, f"the server has moved to {place}")
    if not answer.is_success:
        raise refusal(answer.status_code, answer.content)
    try:
        found: Any = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        kind = answer.headers.get("Content-Type", "nothing").partition(";")[0]
        raise Refused(answer.status_code, f"the server answered {kind}, not as a Streamer does")
    return found
