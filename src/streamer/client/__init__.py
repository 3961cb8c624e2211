"""A client for Python: follow topics, and resume by itself.

Layout:

- `bearer`: the token that a client presents: sent in a header, and shown nowhere.
- `event`: what a reader is given: one event, with its fields, typed where it is known.
- `reader`: following topics over many connections, as pure decisions: ask, take, come back.
- `frames`: bytes of an event stream to frames, whatever the pieces they arrive in.
- `lost`: what a library reports of a connection that failed: worth another try, or not.
- `open_client`: an HTTP client to one server, with the environment's proxy and certificates.
- `open_stream`: opening a stream: what may be asked for, and over which transport it comes.
- `publish`: publishing over HTTP, for programs that cannot reach the log itself.
- `received`: one frame of a stream, as it came over the wire.
- `refusals`: why a client gives up, or waits.
- `sse`: streams over server-sent events: the I/O of one connection.
- `stream`: a stream of events, over as many connections as it takes.
- `websocket`: streams over WebSocket: the I/O of one connection.
"""

from .event import (
    CompletedEvent,
    ConnectedEvent,
    EndEvent,
    ErrorEvent,
    Event,
    GapEvent,
    JobEvent,
    ProgressEvent,
    Snapshot,
    StatusEvent,
)
from .open_stream import follow, follow_async
from .refusals import ClientError, Interruption, Refused, Unreachable
from .stream import AsyncEventStream, EventStream

__all__ = [
    "AsyncEventStream",
    "ClientError",
    "CompletedEvent",
    "ConnectedEvent",
    "EndEvent",
    "ErrorEvent",
    "Event",
    "EventStream",
    "GapEvent",
    "Interruption",
    "JobEvent",
    "ProgressEvent",
    "Refused",
    "Snapshot",
    "StatusEvent",
    "Unreachable",
    "follow",
    "follow_async",
]
