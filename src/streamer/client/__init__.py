"""A client for Python: follow topics, and resume by itself.

Layout:

- `asking`: one question to a server over HTTP, whose answer is a JSON object.
- `bearer`: the token that a client presents: sent in a header, and shown nowhere.
- `cursor_requests`: what is asked about a reader's cursor on a topic, and what the answer says.
- `event`: what a reader is given: one event, with its fields, typed where it is known.
- `reader`: following topics over many connections, as pure decisions: ask, take, come back.
- `frames`: bytes of an event stream to frames, whatever the pieces they arrive in.
- `jobs`: jobs over HTTP, for programs that cannot reach the log: listed, cancelled, run again.
- `lost`: what a library reports of a connection that failed: worth another try, or not.
- `operating`: a log looked after over HTTP, for admins that cannot reach it itself.
- `open_client`: an HTTP client to one server, with the environment's proxy and certificates.
- `open_stream`: opening a stream: what may be asked for, and over which transport it comes.
- `passage`: a stream opened through a public URL, to see what passes and where bytes stay.
- `publish`: publishing over HTTP, for programs that cannot reach the log itself.
- `received`: one frame of a stream, as it came over the wire.
- `refusals`: why a client gives up, or waits.
- `sse`: streams over server-sent events: the I/O of one connection.
- `stream`: a stream of events, over as many connections as it takes.
- `topic_reading`: reading a topic: its events, how much is unread, and marking it as read.
- `unread`: how much of a topic is unread, counted on from what the log has counted; pure.
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
from .topic_reading import AsyncReading, Reading, reading, reading_async

__all__ = [
    "AsyncEventStream",
    "AsyncReading",
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
    "Reading",
    "Refused",
    "Snapshot",
    "StatusEvent",
    "Unreachable",
    "follow",
    "follow_async",
    "reading",
    "reading_async",
]
