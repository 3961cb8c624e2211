"""A server that ends before anybody came."""

from __future__ import annotations

from support.stage import Stage


def test_a_server_that_nobody_asked_anything_ends() -> None:
    """It begins with its first request, and had nothing to stop."""
    Stage().end()
