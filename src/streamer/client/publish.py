"""Publishing over HTTP, for programs that cannot reach the log itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx

from .follow import Refused, detail_of

#: Seconds; an append takes milliseconds, a busy server may take a little longer.
_TIMEOUT: Final = 10.0


def publish(
    url: str,
    topic: str,
    event_type: str,
    fields: Mapping[str, Any],
    *,
    idempotency_key: str | None = None,
    ephemeral: bool = False,
) -> str | None:
    """Publish one event; return its id, or None for an ephemeral one.

    Raises:
        Refused: it was not published, and why; status 0 if nobody answered.
    """
    headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
    try:
        answer = httpx.post(
            f"{url.rstrip('/')}/api/v1/events",
            params={"ephemeral": "true"} if ephemeral else None,
            json={**fields, "type": event_type, "topic": topic},
            headers=headers,
            timeout=_TIMEOUT,
        )
    except httpx.TransportError as error:
        raise Refused(0, f"no server answers at {url}: {error}") from error
    if not answer.is_success:
        raise Refused(answer.status_code, detail_of(answer.status_code, answer.content))
    event_id = answer.json().get("id")
    return None if event_id is None else str(event_id)
