"""The server's own answer to a request that never reaches the app, as bytes (RFC 9457)."""

from __future__ import annotations

import http

import msgspec

from ..errors import StreamerError


def refusal(error: StreamerError) -> bytes:
    """Say `error` as the last answer of an HTTP/1.1 connection."""
    outcome = error.outcome
    body = msgspec.json.encode(
        {
            "type": "urn:streamer:error:" + error.code.replace("_", "-"),
            "title": outcome.title,
            "status": outcome.status,
            "detail": error.detail,
            "code": error.code,
            "retry": outcome.retry,
        }
    )
    phrase = http.HTTPStatus(outcome.status).phrase.encode()
    return (
        b"HTTP/1.1 %d %b\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n"
        b"x-content-type-options: nosniff\r\n"
        b"content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
        b"content-length: %d\r\nconnection: close\r\n\r\n%b"
        % (outcome.status, phrase, len(body), body)
    )
