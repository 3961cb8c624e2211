"""A Valkey of our own, for those without one: started, watched over and stopped.

Layout:

- `server`: a Redis or Valkey of our own, on a Unix socket in the data directory.
- `supervisor`: keep one server running, and end it when whoever asked for it is gone.
- `binary`: find the Redis or Valkey that the embedded server runs.
- `data_lock`: one embedded server per data directory.
- `in_place`: where the server has its files, and how others take their place.
- `backup`: what it holds in one file, checked.
- `restore`: such a file made the log of a data directory.
"""

from .server import EmbeddedServer

__all__ = ["EmbeddedServer"]
