"""Streamer within somebody else's application.

Layout:

- `app`: the application, with what its host uses of it.
- `beside`: two ASGI apps at one address, for a host that can mount none.
- `no_listeners`: what the framework emits events within a program by: no app of ours has
  listeners of them.
"""

__all__ = ["app", "beside", "no_listeners"]
