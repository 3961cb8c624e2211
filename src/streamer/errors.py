"""Every error that Streamer reports to a client, and what each transport makes of it.

::

    StreamerError
    ├── InvalidInput                 what came in is malformed
    │   ├── InvalidTopic
    │   ├── InvalidType
    │   ├── ReservedType
    │   ├── InvalidCursor
    │   ├── InvalidParameter
    │   ├── InvalidJSON
    │   ├── InvalidFields
    │   ├── InvalidHost              a request whose Host is malformed, or missing
    │   ├── InvalidFrame             a WebSocket frame that is not a command
    │   ├── InvalidRequest           bytes that are not an HTTP request
    │   ├── UnknownJobKind
    │   └── InvalidSource            a job's source that may not or cannot be read
    ├── EventTooLarge
    ├── BatchTooLarge                more events than one request may publish
    ├── NotFound
    │   └── ResultRemoved            its time was up, or others needed the room
    ├── Unauthorized                 no token came, or the application refuses it
    │   ├── InvalidToken             a token that proves nothing
    │   ├── TokenExpired             a token whose time is over
    │   └── TokenRevoked             a token that was taken back
    ├── Forbidden
    ├── AuthUnavailable              nobody can say now whose the credentials are; come back
    ├── UnknownHost                  a request for a host that is not this server
    ├── HeadTooLarge
    ├── HttpTooOld                   a request whose version cannot say that it was cut
    ├── RequestTimeout               a request that was not whole in time
    ├── TooManyRequests
    ├── TooManyConnections
    ├── TooManyTopics
    ├── TooManyRevocations           as much is revoked as is kept
    ├── TooManyReaders               as many cursors on a topic as are kept
    ├── TooManySubscribers           as many have a push subscription as are kept
    ├── PushUnavailable              this installation sends no Web Push
    ├── TooManyMembers               as many are there in a conversation as may be; come back
    ├── TooManyJobs                  the queue is full; come back
    ├── JobConflict                  a job that cannot be run again
    ├── TopicBusy                    a topic that is not deleted: a job of it is not over
    ├── TooManyRules                 it is set for as many prefixes as may be what is kept
    ├── JobsUnavailable              this installation cannot run the job asked for
    ├── UploadTooLarge
    ├── UploadConflict               an upload does not stand where it is continued
    ├── UploadLocked                 another request writes it
    ├── UnsupportedTus
    ├── WrongMediaType               a body of a type, or in a coding, that is not taken there
    ├── TooManyUploads               as many are unfinished as may be; come back
    ├── UploadSpace                  the disk is full; what came before is kept
    ├── DiskFull                     the disk is nearly full; the job can be asked for later
    ├── LogUnavailable               Redis is away; nothing was stored
    │   └── LogForbidden             Redis's user lacks a right; nothing was stored
    ├── Draining                     the process is going away; come back
    └── SendTimeout                  the reader took nothing for too long
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class Outcome(NamedTuple):
    """How one kind of error is reported: a row of :data:`OUTCOMES`.

    ``status`` is the HTTP status, ``close_code`` the WebSocket close code
    (RFC 6455 section 7.4), ``retry`` whether the same request may succeed later.
    """

    status: int
    close_code: int
    retry: bool
    title: str


class StreamerError(Exception):
    """Say what was wrong and what is allowed, in one sentence for a person.

    ``retry_after`` is in seconds, for errors worth retrying. ``topic`` is the one that the
    error is about, where others were asked for that may be fine. So is ``line``, of a body of
    several.
    """

    code: ClassVar[str] = "internal_error"

    def __init__(
        self, detail: str, *, retry_after: float | None = None, topic: str | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.topic = topic
        self.line: int | None = None

    def at_line(self, number: int) -> None:
        """Say that it is the line of that number, from 1, that was wrong."""
        self.line = number
        self.detail = f"line {number}: {self.detail}"
        self.args = (self.detail,)

    @property
    def outcome(self) -> Outcome:
        """This error's row of :data:`OUTCOMES`."""
        return OUTCOMES[self.code]


class InvalidInput(StreamerError):
    """What came in is malformed; the same input will be refused again."""

    code = "invalid_input"


class InvalidTopic(InvalidInput):
    """A topic that is not 1 to 8 segments of allowed characters."""

    code = "invalid_topic"


class InvalidType(InvalidInput):
    """An event type of the wrong shape."""

    code = "invalid_type"


class ReservedType(InvalidInput):
    """An event type that only the server itself may send."""

    code = "reserved_type"


class InvalidCursor(InvalidInput):
    """An event id of the wrong shape, or one that the log has not given yet."""

    code = "invalid_cursor"

    @classmethod
    def ahead(cls, given: object, head: object) -> InvalidCursor:
        """As `given` is ahead of the log, which stands at `head`."""
        return cls(f"{given} is ahead of the log, which stands at {head}; nobody can have read it")


class InvalidParameter(InvalidInput):
    """A query parameter or header outside its allowed values."""

    code = "invalid_parameter"


class InvalidHost(InvalidInput):
    """A ``Host`` that is malformed, or none at all."""

    code = "invalid_host"


class InvalidJSON(InvalidInput):
    """A body that is not JSON, or not a JSON object."""

    code = "invalid_json"


class InvalidFields(InvalidInput):
    """Fields that an event of this type cannot have."""

    code = "invalid_fields"


class InvalidFrame(InvalidInput):
    """A WebSocket frame that is not one of our commands."""

    code = "invalid_frame"


class InvalidRequest(InvalidInput):
    """Bytes that are not an HTTP request (RFC 9112), or not a WebSocket handshake (RFC 6455)."""

    code = "invalid_request"


class UnknownJobKind(InvalidInput):
    """A job kind that does not exist here."""

    code = "unknown_job_kind"


class InvalidSource(InvalidInput):
    """A job's source that does not exist, is not a video, or may not be read."""

    code = "invalid_source"


class EventTooLarge(StreamerError):
    """An event over the size limit."""

    code = "event_too_large"


class BatchTooLarge(StreamerError):
    """More events than one request may publish, or more bytes of them."""

    code = "batch_too_large"


class NotFound(StreamerError):
    """No such resource."""

    code = "not_found"


class ResultRemoved(NotFound):
    """A file that a job made is not kept any more: it was too old, or there were too many."""

    code = "result_removed"


class Unauthorized(StreamerError):
    """No valid credentials.

    ``subject`` is for the audit alone: whose they are, where their signature or the
    application vouches for it, though they are good no longer. It is in no answer.
    """

    code = "unauthorized"

    def __init__(self, detail: str, *, retry_after: float | None = None, subject: str = "") -> None:
        super().__init__(detail, retry_after=retry_after)
        self.subject = subject


class InvalidToken(Unauthorized):
    """A token that is malformed, forged, for somebody else, or not valid yet.

    The text names the claim or the part that is wrong, and never quotes the token.
    """

    code = "invalid_token"


class TokenExpired(Unauthorized):
    """A token whose ``exp`` has passed; a new one is needed."""

    code = "token_expired"


class TokenRevoked(Unauthorized):
    """A token that was taken back before its time was over."""

    code = "token_revoked"


class Forbidden(StreamerError):
    """Valid credentials that do not allow this."""

    code = "forbidden"


class AuthUnavailable(StreamerError):
    """The issuer's keys, or the application, cannot be reached, and nothing is cached.

    It says nothing of the credentials: the same ones may be good.
    """

    code = "auth_unavailable"

    def __init__(self, detail: str, *, retry_after: float | None = 1.0) -> None:
        super().__init__(detail, retry_after=retry_after)


class UnknownHost(StreamerError):
    """The request is for a host that this server is not."""

    code = "unknown_host"


class TooManyRequests(StreamerError):
    """A rate is exceeded; wait ``retry_after`` seconds."""

    code = "too_many_requests"


class TooManyConnections(StreamerError):
    """As many readers are held open as may be.

    ``whose`` they are is an ``address`` or a ``subject``, which may have ``most``;
    empty: they are all of the process.
    """

    code = "too_many_connections"

    def __init__(
        self, detail: str, *, retry_after: float | None = None, whose: str = "", most: int = 0
    ) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.whose = whose
        self.most = most


class TooManyTopics(StreamerError):
    """A subject reads as many topics as it may, over all its connections to the process."""

    code = "too_many_topics"


class TooManyRevocations(StreamerError):
    """As many tokens and subjects are revoked as are kept; nothing was stored."""

    code = "too_many_revocations"

    @classmethod
    def of(cls, most: int) -> TooManyRevocations:
        """As there are `most` of them."""
        return cls(f"{most} tokens and subjects are revoked, and no more are kept")


class TooManyReaders(StreamerError):
    """As many subjects have a cursor on a topic as are kept; nothing was stored."""

    code = "too_many_readers"

    @classmethod
    def of(cls, most: int) -> TooManyReaders:
        """As there are `most` of them."""
        return cls(f"{most} readers have a cursor on this topic, and no more are kept")


class TooManySubscribers(StreamerError):
    """As many subjects have a push subscription as are kept; nothing was stored."""

    code = "too_many_subscribers"

    @classmethod
    def of(cls, most: int) -> TooManySubscribers:
        """As there are `most` of them."""
        return cls(f"{most} users have a push subscription, and no more are kept")


class PushUnavailable(StreamerError):
    """This installation sends no Web Push: nobody has said who it is from."""

    code = "push_unavailable"


class TooManyMembers(StreamerError):
    """As many are there in a conversation as may be, or as many connections of one of them."""

    code = "too_many_members"

    @classmethod
    def of(cls, members: int, connections: int) -> TooManyMembers:
        """As there may be so many, each with so many connections."""
        return cls(
            f"this conversation is full: {members} may be there, each by {connections} connections"
        )


class TooManyJobs(StreamerError):
    """As many jobs are queued as may be; come back after ``retry_after`` seconds."""

    code = "too_many_jobs"


class TopicBusy(StreamerError):
    """A topic is not deleted while a job that is reported there is not over."""

    code = "topic_busy"

    @classmethod
    def of(cls, topic: str) -> TopicBusy:
        """The error, for `topic`."""
        return cls(f"a job of {topic} is not over; cancel it first, or force it", topic=topic)


class TooManyRules(StreamerError):
    """It is set by hand for as many prefixes as may be what is kept of their topics."""

    code = "too_many_rules"

    @classmethod
    def of(cls, most: int) -> TooManyRules:
        """The error, where it is set for `most`."""
        return cls(f"what is kept is set for {most} prefixes, and that is the most; remove one")


class JobConflict(StreamerError):
    """A job cannot be run again: it is not over, or went well, or what it was is not known."""

    code = "job_conflict"


class JobsUnavailable(StreamerError):
    """This installation cannot run such a job: ffmpeg is missing, or a Redis for jobs."""

    code = "jobs_unavailable"


class UploadTooLarge(StreamerError):
    """An upload over ``STREAMER_UPLOAD_MAX_BYTES``, or more bytes than it was to have."""

    code = "upload_too_large"


class UploadConflict(StreamerError):
    """An upload is continued where it does not stand (tus 1.0, PATCH)."""

    code = "upload_conflict"


class UploadLocked(StreamerError):
    """An upload is being written by another request."""

    code = "upload_locked"


class UnsupportedTus(StreamerError):
    """A version of the tus protocol that is not spoken here."""

    code = "unsupported_tus"


class WrongMediaType(StreamerError):
    """A body whose ``Content-Type``, or ``Content-Encoding``, is not one that is taken there."""

    code = "wrong_media_type"


class TooManyUploads(StreamerError):
    """As many uploads are unfinished as may be; come back after ``retry_after`` seconds."""

    code = "too_many_uploads"


class UploadSpace(StreamerError):
    """The disk has no room for more of an upload; what came before is kept."""

    code = "upload_space"


class DiskFull(StreamerError):
    """The disk is nearly full, and a job that would write to it is not queued."""

    code = "disk_full"


class HeadTooLarge(StreamerError):
    """The URL and headers of a request are over the size limit."""

    code = "head_too_large"


class RequestTimeout(StreamerError):
    """The head or the body of a request was not whole in time."""

    code = "request_timeout"


class HttpTooOld(StreamerError):
    """The request's version of HTTP cannot tell a stream that was cut from one that ended."""

    code = "http_too_old"


class LogUnavailable(StreamerError):
    """The event log cannot be reached; nothing was stored.

    Attributes:
        is_of_some: it may be so of a topic that was asked for, and not of others: then nothing
            was stored, surely.
    """

    code = "log_unavailable"
    is_of_some = False

    def __init__(self, detail: str, *, retry_after: float | None = 1.0) -> None:
        super().__init__(detail, retry_after=retry_after)


class LogForbidden(LogUnavailable):
    """The event log's own user may not do what is needed; nothing was stored.

    It lasts until somebody grants the right that the text names, and is handled like an
    outage: publishers buffer their events.
    """

    code = "log_forbidden"
    is_of_some = True


class Draining(StreamerError):
    """The process is shutting down; another will take the request."""

    code = "draining"

    def __init__(self, detail: str, *, retry_after: float | None = 1.0) -> None:
        super().__init__(detail, retry_after=retry_after)


class SendTimeout(StreamerError):
    """The reader's transport made no progress for ``STREAMER_SEND_TIMEOUT``."""

    code = "send_timeout"


#: The one table: error code -> HTTP status, WebSocket close code, whether to retry.
OUTCOMES: dict[str, Outcome] = {
    "internal_error": Outcome(500, 1011, retry=True, title="Internal error"),
    "invalid_input": Outcome(400, 1008, retry=False, title="Invalid input"),
    "invalid_topic": Outcome(400, 1008, retry=False, title="Invalid topic"),
    "invalid_type": Outcome(400, 1008, retry=False, title="Invalid event type"),
    "reserved_type": Outcome(400, 1008, retry=False, title="Reserved event type"),
    "invalid_cursor": Outcome(400, 1008, retry=False, title="Invalid event id"),
    "invalid_parameter": Outcome(400, 1008, retry=False, title="Invalid parameter"),
    "invalid_host": Outcome(400, 1008, retry=False, title="Invalid host"),
    "invalid_json": Outcome(400, 1008, retry=False, title="Invalid JSON"),
    "invalid_fields": Outcome(400, 1008, retry=False, title="Invalid fields"),
    "invalid_frame": Outcome(400, 1008, retry=False, title="Invalid frame"),
    "invalid_request": Outcome(400, 1008, retry=False, title="Invalid request"),
    "unknown_job_kind": Outcome(400, 1008, retry=False, title="Unknown job kind"),
    "invalid_source": Outcome(400, 1008, retry=False, title="Invalid source"),
    "event_too_large": Outcome(413, 1009, retry=False, title="Event too large"),
    "batch_too_large": Outcome(413, 1009, retry=False, title="Batch too large"),
    "http_too_old": Outcome(505, 1008, retry=False, title="HTTP version not supported"),
    "head_too_large": Outcome(431, 1009, retry=False, title="Request head too large"),
    "not_found": Outcome(404, 1008, retry=False, title="Not found"),
    "result_removed": Outcome(410, 1008, retry=False, title="Not kept any more"),
    "unauthorized": Outcome(401, 1008, retry=False, title="Unauthorized"),
    "invalid_token": Outcome(401, 1008, retry=False, title="Invalid token"),
    "token_expired": Outcome(401, 1008, retry=False, title="Token expired"),
    "token_revoked": Outcome(401, 1008, retry=False, title="Token revoked"),
    "forbidden": Outcome(403, 1008, retry=False, title="Forbidden"),
    "auth_unavailable": Outcome(503, 1013, retry=True, title="Authentication unavailable"),
    "unknown_host": Outcome(421, 1008, retry=False, title="Misdirected request"),
    "too_many_requests": Outcome(429, 1013, retry=True, title="Too many requests"),
    "too_many_connections": Outcome(503, 1013, retry=True, title="Too many connections"),
    "too_many_topics": Outcome(503, 1013, retry=True, title="Too many topics"),
    "too_many_revocations": Outcome(507, 1008, retry=False, title="Too many revocations"),
    "too_many_readers": Outcome(507, 1008, retry=False, title="Too many readers"),
    "too_many_subscribers": Outcome(507, 1008, retry=False, title="Too many subscribers"),
    "push_unavailable": Outcome(501, 1008, retry=False, title="Web Push unavailable"),
    "too_many_members": Outcome(503, 1013, retry=True, title="Too many members"),
    "too_many_jobs": Outcome(503, 1013, retry=True, title="Too many jobs"),
    "job_conflict": Outcome(409, 1008, retry=False, title="Job conflict"),
    "topic_busy": Outcome(409, 1008, retry=False, title="Topic busy"),
    "too_many_rules": Outcome(409, 1008, retry=False, title="Too many rules"),
    "jobs_unavailable": Outcome(501, 1008, retry=False, title="Jobs unavailable"),
    "upload_too_large": Outcome(413, 1009, retry=False, title="Upload too large"),
    "upload_conflict": Outcome(409, 1008, retry=False, title="Upload conflict"),
    "upload_locked": Outcome(423, 1008, retry=False, title="Upload locked"),
    "unsupported_tus": Outcome(412, 1008, retry=False, title="Unsupported tus version"),
    "wrong_media_type": Outcome(415, 1008, retry=False, title="Wrong media type"),
    "too_many_uploads": Outcome(429, 1013, retry=True, title="Too many uploads"),
    "upload_space": Outcome(507, 1008, retry=False, title="No room for uploads"),
    "disk_full": Outcome(503, 1013, retry=True, title="The disk is nearly full"),
    "log_unavailable": Outcome(503, 1013, retry=True, title="Event log unavailable"),
    "log_forbidden": Outcome(503, 1013, retry=True, title="Event log forbidden"),
    "draining": Outcome(503, 1012, retry=True, title="Draining"),
    "request_timeout": Outcome(408, 4408, retry=True, title="Request timeout"),
    "send_timeout": Outcome(408, 4408, retry=True, title="Send timeout"),
}
