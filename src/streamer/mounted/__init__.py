"""Streamer within somebody else's application.

Layout:

- `app`: the application, with what its host uses of it.
- `beside`: two ASGI apps at one address, for a host that can mount none.
"""

__all__ = ["app", "beside"]
