"""Publishing over HTTP, for programs that cannot reach the log itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx

from ..config.server_url import API, without_userinfo
from .bearer import presented
from .open_client import open_client
from .refusals import Refused, refusal

_PATH: Final = f"{API}/events"
#: Seconds; an append takes milliseconds, a busy server may take a little longer.
_TIMEOUT: Final = 10.0
#: Redirects that are followed, and the statuses that ask for the same request elsewhere.
_MOST_REDIRECTS: Final = 5
_SAME_METHOD: Final = frozenset({307, 308})


def publish(
    url: str,
    topic: str,
    event_type: str,
    fields: Mapping[str, Any],
    *,
    idempotency_key: str | None = None,
    ephemeral: bool = False,
    token: str | None = None,
) -> str | None:
    """Publish one event; return its id, or None for an ephemeral one.

    `token` is presented as ``Authorization: Bearer``.

    Raises:
        Refused: it was not published, and why; status 0 if nobody answered.
        InvalidServerURL: `url` is malformed.
    """
    key = idempotency_key
    headers = {} if key is None else {b"Idempotency-Key": key.encode(errors="replace")}
    shown = without_userinfo(url)
    try:
        with open_client(httpx.Client, url, timeout=_TIMEOUT) as client:
            answer = client.post(
                _PATH,
                params={"ephemeral": "true"} if ephemeral else None,
                json={**fields, "type": event_type, "topic": topic},
                headers=headers,
                **presented(token),
            )
            # Only these two repeat what was posted (RFC 9110, 15.4.8 and 15.4.9).
            for _ in range(_MOST_REDIRECTS):
                if answer.status_code not in _SAME_METHOD or answer.next_request is None:
                    break
                # It has the token, if it goes to the same server.
                answer = client.send(answer.next_request)
    except httpx.LocalProtocolError as error:
        raise Refused(0, f"the idempotency key cannot be sent as a header: {error}") from error
    except httpx.RequestError as error:
        raise Refused(0, f"no server answers at {shown}: {error or 'no answer in time'}") from error
    if answer.has_redirect_location:
        place = without_userinfo(answer.headers["Location"].removesuffix(_PATH))
        raise Refused(answer.status_code, f"the server has moved to {place}; publish there")
    if not answer.is_success:
        raise refusal(answer.status_code, answer.content)
    try:
        event_id = answer.json()["id"]
    except (ValueError, LookupError, TypeError) as error:
        kind = answer.headers.get("Content-Type", "nothing").partition(";")[0]
        raise Refused(
            answer.status_code, f"the server answered {kind}, not as a Streamer does"
        ) from error
    return None if event_id is None else str(event_id)
