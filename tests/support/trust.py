"""Clients of httpx share what they trust: to read it takes as long as many a test."""

from __future__ import annotations

import functools
import os
import ssl
from typing import Any

import httpx

#: Where clients have it from, and by what name.
_WHERE, _NAME = httpx._transports.default, "create_ssl_context"
_made = httpx.create_ssl_context


@functools.lru_cache
def _trusted(_file: str | None, _directory: str | None) -> ssl.SSLContext:
    return _made()


def _context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:  # noqa: ANN401 - httpx's own
    """What the environment says is trusted by, once; whatever else is asked for, anew."""
    if verify is True and cert is None and trust_env:
        return _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    return _made(verify, cert, trust_env)


assert getattr(_WHERE, _NAME) is _made, "httpx makes it elsewhere now"
setattr(_WHERE, _NAME, _context)
