"""A Valkey of our own, for those without one: started, watched over and stopped.

Layout:

- `server`: a Redis or Valkey of our own, on a Unix socket in the data directory.
- `supervisor`: keep one server running, and end it when whoever asked for it is gone.
- `binary`: find the Redis or Valkey that the embedded server runs.
- `data_lock`: one embedded server per data directory.
"""

from .server import EmbeddedServer

__all__ = ["EmbeddedServer"]
