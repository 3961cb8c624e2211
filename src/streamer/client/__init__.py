"""A client for Python: follow topics over server-sent events, and resume by itself."""

from .follow import Refused
from .received import Received
from .stream import follow, follow_async

__all__ = ["Received", "Refused", "follow", "follow_async"]
