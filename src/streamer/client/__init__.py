"""A client for Python: follow topics over server-sent events, and resume by itself.

Layout:

- `bearer`: the token that a client presents: sent in a header, and shown nowhere.
- `follow`: following topics over many connections, as pure decisions: ask, take, come back.
- `frames`: bytes of an event stream to events, whatever the pieces they arrive in.
- `open_client`: an HTTP client to one server, with the environment's proxy and certificates.
- `publish`: publishing over HTTP, for programs that cannot reach the log itself.
- `received`: what a client is given: one event of a stream.
- `stream`: the I/O around `Follow`: blocking and for asyncio, line for line the same.
"""

from .follow import Refused
from .received import Received
from .stream import follow, follow_async

__all__ = ["Received", "Refused", "follow", "follow_async"]
