"""Every setting of Streamer: its default, its unit, what is allowed and a line of help."""

# Annotations of eighty settings are looked at by every start: as text they would be compiled
# first, so there is no `from __future__ import annotations` here.

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self, get_args, get_origin

import msgspec
from msgspec import Meta
from msgspec.structs import force_setattr

from ..events.new_event import MAX_EVENT_BYTES
from .ai import ALLOWED as ALLOWED_AI
from .ai import check_ai_url, shown_ai_url
from .auth import (
    ACCESS,
    MIN_SECRET_BYTES,
    TOKEN,
    WAYS,
    check_auth_url,
    check_header_names,
    check_issuer,
    check_jwks_url,
    check_public_key,
    check_secret,
    check_together,
    is_pem,
    shown_issuer,
    shown_public_key,
    shown_secret,
    shown_url,
)
from .push import (
    check_push_key,
    check_push_services,
    check_push_subject,
    is_raw_key,
    shown_push_key,
    shown_push_subject,
)
from .reading import PREFIX, InvalidSetting, Setting
from .redis_url import ALLOWED, parse_redis_url, without_password
from .retention import (
    DEFAULT_PREFIXES,
    MAX_RETENTION_AGE,
    MAX_RETENTION_LENGTH,
    Retention,
    RetentionPolicy,
)
from .secret_file import read_secret_file
from .server_url import ALLOWED as ALLOWED_SERVERS
from .server_url import check_server_url, without_userinfo
from .unread import DEFAULT_UNREAD, Counted, UnreadPolicy
from .web_names import check_hosts, check_origins

__all__ = [
    "LOG_FORMATS",
    "LOG_LEVELS",
    "SETTINGS",
    "InvalidSetting",
    "Settings",
    "access_is_open",
    "unknown_variables",
]

#: A directory that is not set lies in the data directory, under the field's name.
_IN_DATA_DIR: Final = Path()

#: Bytes that one topic, or one reader, may be allowed: a limit is to be one.
_MOST_BYTES: Final = 1024 * 1024 * 1024
#: Readers that a limit may allow; no kernel has so many descriptors for a process.
_MOST_READERS: Final = 100_000_000
_REDIS: Final = {
    "allowed": ALLOWED,
    "check": parse_redis_url,
    "shown": without_password,
    "secret": True,
}

LOG_LEVELS: Final = ("critical", "error", "warning", "info", "debug")
LOG_FORMATS: Final = ("auto", "text", "json")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is started with; ``Settings()`` is the defaults.

    Each field ``name`` is the variable ``STREAMER_NAME``. Times are in seconds
    and sizes in bytes. Directories are absolute.
    """

    host: Annotated[
        str,
        Meta(
            # An empty one would be every address.
            pattern=r"\A[A-Za-z0-9_.:%-]{1,253}\Z",
            description="Address to listen on.",
            extra={"allowed": "an address or a name, as in 127.0.0.1, ::1 or localhost"},
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    ] = 8000
    tls_cert: (
        Annotated[
            Path,
            Meta(
                description="Certificate in PEM, with its issuers' behind it: it speaks TLS.",
                extra={"allowed": "the path of a file"},
            ),
        ]
        | None
    ) = None
    tls_key: (
        Annotated[
            Path,
            Meta(
                description="Key of that certificate in PEM; not set: in the same file.",
                extra={"allowed": "the path of a file"},
            ),
        ]
        | None
    ) = None
    data_dir: Annotated[
        Path, Meta(description="Directory of the embedded event log, media and output.")
    ] = Path("data")
    redis_url: (
        Annotated[
            str,
            Meta(
                description="Redis or Valkey, 7.0 or newer: one server, a Sentinel's master "
                "or a cluster; not set: an embedded server.",
                extra=_REDIS,
            ),
        ]
        | None
    ) = None
    redis_wait_replicas: Annotated[
        int,
        Meta(
            ge=0,
            le=16,
            description="Replicas that must have an event before it is acknowledged; "
            "0 leaves what a failover can lose to Redis.",
        ),
    ] = 0
    broker_url: (
        Annotated[
            str,
            Meta(
                description="Redis where jobs wait, not a cluster; not set: that of the event log.",
                extra=_REDIS,
            ),
        ]
        | None
    ) = None
    prefix: Annotated[
        str,
        Meta(
            pattern=r"\A[A-Za-z0-9_.-]{1,64}\Z",
            description="First part of every key in Redis; lets deployments share one.",
            extra={"allowed": "1 to 64 of the characters A-Z a-z 0-9 _ . -"},
        ),
    ] = "streamer"
    media_dir: Annotated[
        Path,
        Meta(description="Directory that jobs may read; not set: media/ in the data directory."),
    ] = _IN_DATA_DIR
    output_dir: Annotated[
        Path, Meta(description="Directory of results; not set: output/ in the data directory.")
    ] = _IN_DATA_DIR
    upload_dir: Annotated[
        Path,
        Meta(
            description="Directory of unfinished uploads; not set: uploads/ in the data directory."
        ),
    ] = _IN_DATA_DIR
    upload_max_bytes: Annotated[
        int, Meta(ge=1, description="Size of one upload.", extra={"unit": "bytes"})
    ] = 8 * 1024 * 1024 * 1024
    upload_max_unfinished: Annotated[
        int, Meta(ge=0, le=10_000, description="Unfinished uploads in all; 0 allows none.")
    ] = 100
    upload_max_per_subject: Annotated[
        int, Meta(ge=1, le=10_000, description="Unfinished uploads of one token, or one address.")
    ] = 10
    upload_ttl: Annotated[
        float,
        Meta(
            ge=1,
            le=365 * 86400,
            description="An unfinished upload that is not continued for this long is removed.",
            extra={"unit": "seconds"},
        ),
    ] = 86400.0
    output_age: Annotated[
        float,
        Meta(
            ge=0,
            le=100 * 365 * 86400,
            description="Age at which a result, or an uploaded video, is removed; 0 is never.",
            extra={"unit": "seconds"},
        ),
    ] = 7 * 86400.0
    output_bytes: Annotated[
        int,
        Meta(
            ge=0,
            description="Size of all results, and of all uploads; the oldest make room for new "
            "ones; 0 is no limit.",
            extra={"unit": "bytes"},
        ),
    ] = 10 * 1024**3
    disk_reserve: Annotated[
        int,
        Meta(
            ge=0,
            description="Free space below which jobs, uploads and backups write nothing; the "
            "event log needs it.",
            extra={"unit": "bytes"},
        ),
    ] = 512 * 1024**2
    url: (
        Annotated[
            str,
            Meta(
                description="Server that commands talk to; not set: the one on the data directory, "
                "or at host and port.",
                extra={
                    "allowed": ALLOWED_SERVERS,
                    "check": check_server_url,
                    "shown": without_userinfo,
                    "secret": True,
                },
            ),
        ]
        | None
    ) = None
    token: (
        Annotated[
            str,
            Meta(
                pattern=r"\A[A-Za-z0-9._~+/-]{1,16384}=*\Z",
                description="Token that commands present to that server.",
                extra={
                    "allowed": "a token, of A-Z a-z 0-9 . _ ~ + / - and = at its end",
                    "shown": shown_secret,
                    "secret": True,
                },
            ),
        ]
        | None
    ) = None
    workers: Annotated[int, Meta(ge=1, le=256, description="Server processes.")] = 1
    metrics_dir: (
        Annotated[
            Path,
            Meta(
                description="Directory where the processes of this host share what /metrics shows; "
                "not set: one for each run.",
            ),
        ]
        | None
    ) = None
    job_threads: Annotated[
        int, Meta(ge=1, le=256, description="Jobs that one worker runs at the same time.")
    ] = 2
    ai_url: (
        Annotated[
            str,
            Meta(
                description="OpenAI-compatible server that answers in conversations, "
                "by its base URL; or builtin, or none.",
                extra={
                    "allowed": ALLOWED_AI,
                    "check": check_ai_url,
                    "shown": shown_ai_url,
                    "secret": True,
                },
            ),
        ]
        | None
    ) = None
    ai_key: (
        Annotated[
            str,
            Meta(
                pattern=r"\A[A-Za-z0-9._~+/-]{1,4096}=*\Z",
                description="Key that is presented to that server.",
                extra={
                    "allowed": "a key, of A-Z a-z 0-9 . _ ~ + / - and = at its end",
                    "shown": shown_secret,
                    "secret": True,
                },
            ),
        ]
        | None
    ) = None
    ai_model: Annotated[
        str,
        Meta(
            # A URL may be one with a password, in the wrong variable.
            pattern=r"\A(?!.*://)[\x21-\x7e]{0,200}\Z",
            description="Model that is asked for there; not set: default.",
            extra={"allowed": "the name of a model, without spaces"},
        ),
    ] = ""
    ai_kind: (
        Annotated[
            str,
            Meta(
                pattern=r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z",
                description="Kind of job of your own that answers in place of that server.",
                extra={"allowed": "the name of a kind of job"},
            ),
        ]
        | None
    ) = None
    heartbeat: Annotated[
        float,
        Meta(
            ge=1,
            le=300,
            description="Silence after which a stream sends a heartbeat; "
            "proxies close idle streams at 60.",
            extra={"unit": "seconds"},
        ),
    ] = 15.0
    send_timeout: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            description="A reader that takes nothing for this long is closed.",
            extra={"unit": "seconds"},
        ),
    ] = 30.0
    keep_alive: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            description="Time that a connection waits for its next request; most proxies "
            "keep theirs for 60.",
            extra={"unit": "seconds"},
        ),
    ] = 75.0
    head_timeout: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            description="Time in which the head of a request must be whole.",
            extra={"unit": "seconds"},
        ),
    ] = 20.0
    body_timeout: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            description="Time in which the body of a request must be whole.",
            extra={"unit": "seconds"},
        ),
    ] = 60.0
    pong_timeout: Annotated[
        float,
        Meta(
            ge=3,
            le=3600,
            description="A WebSocket that sends nothing for this long, not even the pong to a "
            "ping, is cut.",
            extra={"unit": "seconds"},
        ),
    ] = 60.0
    drain_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="Time over which a stopping server sends its readers elsewhere.",
            extra={"unit": "seconds"},
        ),
    ] = 5.0
    lease_seconds: Annotated[
        float,
        Meta(
            ge=2,
            le=3600,
            description="A job whose worker gives no sign of life for this long is stalled.",
            extra={"unit": "seconds"},
        ),
    ] = 10.0
    max_event_bytes: Annotated[
        int,
        Meta(
            ge=1024,
            le=16 * 1024 * 1024,
            description="Largest event as it is sent over SSE, id and all; some clients fail "
            "at 64 KiB.",
            extra={"unit": "bytes"},
        ),
    ] = MAX_EVENT_BYTES
    tail_events: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000_000,
            description="Newest events of a topic kept in each server process.",
        ),
    ] = 1000
    tail_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=_MOST_BYTES,
            description="Memory that those events of one topic may take.",
            extra={"unit": "bytes"},
        ),
    ] = 1024 * 1024
    high_water: Annotated[
        int,
        Meta(
            ge=1024,
            le=_MOST_BYTES,
            description="Unsent output at which a reader counts as slow and is caught up later.",
            extra={"unit": "bytes"},
        ),
    ] = 64 * 1024
    max_connections: Annotated[
        int,
        Meta(
            ge=0,
            le=_MOST_READERS,
            description="Readers of one server process, polls under way among them; 0 is no limit.",
        ),
    ] = 20_000
    max_connections_per_client: Annotated[
        int,
        Meta(
            ge=0,
            le=_MOST_READERS,
            description="Readers of one process from one address; 0 is no limit.",
        ),
    ] = 1000
    max_connections_per_subject: Annotated[
        int,
        Meta(
            ge=0,
            le=_MOST_READERS,
            description="Readers of one process with the same token; 0 is no limit.",
        ),
    ] = 100
    max_topics_per_subject: Annotated[
        int,
        Meta(
            ge=0,
            le=_MOST_READERS,
            description="Topics that those readers may read, all together; 0 is no limit.",
        ),
    ] = 1000
    max_topics: Annotated[
        int, Meta(ge=1, le=1000, description="Topics that one connection may read.")
    ] = 100
    publish_rate: Annotated[
        float,
        Meta(
            ge=0,
            le=1_000_000,
            description="Events a second, one for each topic, of an address or a token; ten times "
            "that at once; 0 is no limit.",
        ),
    ] = 200.0
    job_rate: Annotated[
        float,
        Meta(
            ge=0,
            le=1_000_000,
            description="Jobs a second that an address or a token may queue; ten times that "
            "at once; 0 is no limit.",
        ),
    ] = 5.0
    max_queued_jobs: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000_000,
            description="Jobs that wait or run; beyond that, new ones are refused.",
        ),
    ] = 1000
    command_rate: Annotated[
        float,
        Meta(
            ge=0.1,
            le=1_000_000,
            description="Frames a second that are read from one WebSocket; more must wait.",
        ),
    ] = 20.0
    compression: Annotated[
        str,
        Meta(
            pattern=r"\A(off|public|on)\Z",
            description="Whether streams are compressed; public: where nobody has to prove who "
            "they are.",
            extra={"allowed": "one of off, public, on"},
        ),
    ] = "public"
    io_uring: Annotated[
        bool,
        Meta(description="Send to many readers with one system call, where the kernel allows it."),
    ] = True
    max_head_bytes: Annotated[
        int,
        Meta(
            ge=4096,
            le=1024 * 1024,
            description="Largest head of a request: its URL and headers.",
            extra={"unit": "bytes"},
        ),
    ] = 32 * 1024
    retry_ms: Annotated[
        int,
        Meta(
            ge=0,
            le=3_600_000,
            description="Time a reader is asked to wait before it reconnects.",
            extra={"unit": "milliseconds"},
        ),
    ] = 2000
    retention_length: Annotated[
        int,
        Meta(
            ge=1,
            le=MAX_RETENTION_LENGTH,
            description="Newest events of a topic that the log keeps.",
        ),
    ] = 1000
    retention_age: Annotated[
        float,
        Meta(
            ge=1,
            le=MAX_RETENTION_AGE,
            description="Age at which a topic at rest is forgotten.",
            extra={"unit": "seconds"},
        ),
    ] = 24 * 3600.0
    retention: Annotated[
        dict[str, Retention],
        Meta(
            description="Length and age by first part of the topic: jobs=500:1d; "
            "chats: 5000, 90d; users, admin, system: 30d.",
            extra={
                "allowed": "prefixes of topics with a length and an age, separated by commas, "
                "as in chats=5000:7d,jobs=500:1d"
            },
        ),
    ] = {}
    unread: Annotated[
        dict[str, Counted],
        Meta(
            description="Types that count as unread by first part of the topic, as "
            "chats=message,users=!progress; see docs/PROTOCOL.md.",
            extra={
                "allowed": "prefixes of topics with types that count, or after a ! those that do "
                "not, separated by commas, as in chats=message+call,users=!progress+read"
            },
        ),
    ] = {}
    kept_reads: Annotated[
        tuple[str, ...],
        Meta(
            description="Topics, by first part, whose events of type read are kept.",
            extra={"allowed": "prefixes of topics separated by commas, as in chats,users"},
        ),
    ] = ()
    push_subject: (
        Annotated[
            str,
            Meta(
                description="Whom push services reach about what is sent to them: mailto: or "
                "https:; not set: no Web Push is sent.",
                extra={
                    "allowed": "an address, as in mailto:ops@example.com, or an https:// URL",
                    "check": check_push_subject,
                    "shown": shown_push_subject,
                },
            ),
        ]
        | None
    ) = None
    push_after: Annotated[
        float,
        Meta(
            ge=0,
            le=7 * 24 * 3600,
            description="How long a notification must have been unread before it is pushed.",
            extra={"unit": "seconds"},
        ),
    ] = 30.0
    push_key: (
        Annotated[
            str,
            Meta(
                description="Private key that pushes are signed with (P-256), or a path to it; "
                "not set: the event log keeps one.",
                extra={
                    "allowed": "a private key in PEM form, the path to a file of one, or its "
                    "32 bytes in base64url",
                    "check": check_push_key,
                    "shown": shown_push_key,
                    "secret": True,
                },
            ),
        ]
        | None
    ) = None
    push_services: Annotated[
        tuple[str, ...],
        Meta(
            description="Push services that may be sent to besides those of the browsers; "
            "to the loopback also without TLS.",
            extra={
                "allowed": "names, *.names or addresses separated by commas, "
                "as in push.example.com",
                "check": check_push_services,
            },
        ),
    ] = ()
    push_timeout: Annotated[
        float,
        Meta(
            ge=0.1,
            le=60,
            description="Time in which a push service must answer.",
            extra={"unit": "seconds"},
        ),
    ] = 10.0
    log_level: Annotated[
        str,
        Meta(
            pattern=rf"\A({'|'.join(LOG_LEVELS)})\Z",
            description=f"Least severe line that is logged: {', '.join(LOG_LEVELS)}.",
            extra={"allowed": f"one of {', '.join(LOG_LEVELS)}"},
        ),
    ] = "info"
    log_format: Annotated[
        str,
        Meta(
            pattern=rf"\A({'|'.join(LOG_FORMATS)})\Z",
            description="How a log line is written: text, json, or auto: text on a terminal alone.",
            extra={"allowed": f"one of {', '.join(LOG_FORMATS)}"},
        ),
    ] = "auto"
    allowed_origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Origins of web pages that may connect besides the server's own; "
            "not set: the loopback's; * is any.",
            extra={
                "allowed": "origins separated by commas, as in https://a.example, or *",
                "check": check_origins,
            },
        ),
    ] = ()
    allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Names of the server besides the loopback's; "
            "not set: any, if it listens elsewhere; * is any.",
            extra={
                "allowed": "names, *.names or addresses separated by commas, "
                "as in live.example.com, or *",
                "check": check_hosts,
            },
        ),
    ] = ()

    auth: Annotated[
        str,
        Meta(
            pattern=r"\A(none)?\Z",
            description="none lets everybody do everything, also on an address that others reach.",
            extra={"allowed": "none, or not set"},
        ),
    ] = ""
    auth_secret: (
        Annotated[
            str,
            Meta(
                description="Secret that tokens are signed with, by HS256; 32 bytes or more.",
                extra={
                    "allowed": f"a secret of {MIN_SECRET_BYTES} bytes or more",
                    "check": check_secret,
                    "shown": shown_secret,
                    "secret": True,
                },
            ),
        ]
        | None
    ) = None
    auth_public_key: (
        Annotated[
            str,
            Meta(
                description="Public key of tokens (RS256, ES256, EdDSA): a PEM, or a path to one.",
                extra={
                    "allowed": "a public key in PEM form, or the path to a file of one",
                    "check": check_public_key,
                    "shown": shown_public_key,
                },
            ),
        ]
        | None
    ) = None
    auth_jwks_url: (
        Annotated[
            str,
            Meta(
                description="Where the issuer of tokens publishes its keys (JWKS).",
                extra={
                    "allowed": "an https:// URL; http:// to the loopback alone",
                    "check": check_jwks_url,
                    "shown": shown_url,
                    "secret": True,
                },
            ),
        ]
        | None
    ) = None
    auth_issuer: (
        Annotated[
            str,
            Meta(
                description="The iss that every token must have; not set: any.",
                extra={
                    "allowed": "an issuer as tokens name it, mostly an https:// URL",
                    "check": check_issuer,
                    "shown": shown_issuer,
                },
            ),
        ]
        | None
    ) = None
    auth_audience: Annotated[
        tuple[str, ...],
        Meta(
            description="The aud of tokens: each has one of these; not set: none may have any.",
            extra={"allowed": "audiences separated by commas, as in https://live.example"},
        ),
    ] = ()
    auth_leeway: Annotated[
        float,
        Meta(
            ge=0,
            le=120,
            description="What the clocks of issuers may be wrong.",
            extra={"unit": "seconds"},
        ),
    ] = 10.0
    auth_cookie: Annotated[
        str,
        Meta(
            pattern=TOKEN,
            description="Cookie that may hold the token.",
            extra={"allowed": "the name of a cookie, as in __Host-streamer"},
        ),
    ] = "__Host-streamer"
    auth_url: (
        Annotated[
            str,
            Meta(
                description="Application that is asked who a request is from; it answers claims.",
                extra={
                    "allowed": "an http:// or https:// URL",
                    "check": check_auth_url,
                    "shown": shown_url,
                    "secret": True,
                },
            ),
        ]
        | None
    ) = None
    auth_url_ttl: Annotated[
        float,
        Meta(
            ge=0,
            le=300,
            description="How long an answer of the application holds; 0 asks each time.",
            extra={"unit": "seconds"},
        ),
    ] = 10.0
    auth_url_timeout: Annotated[
        float,
        Meta(
            ge=0.1,
            le=60,
            description="Time in which the application must answer.",
            extra={"unit": "seconds"},
        ),
    ] = 5.0
    auth_url_headers: Annotated[
        tuple[str, ...],
        Meta(
            description="Headers that the application gets beside the cookies and Authorization.",
            extra={
                "allowed": "names of headers separated by commas, as in X-Api-Key",
                "check": check_header_names,
            },
        ),
    ] = ()
    token_ttl: Annotated[
        float,
        Meta(
            ge=10,
            le=3600,
            description="How long a token holds that was made for use in a URL.",
            extra={"unit": "seconds"},
        ),
    ] = 300.0

    def __post_init__(self) -> None:
        """Make every directory absolute, so that no later chdir moves it.

        Raises:
            InvalidSetting: the settings of access, or of TLS, contradict each other.
        """
        if wrong := check_together({name: getattr(self, name) for name in ACCESS}):
            raise InvalidSetting(wrong)
        if self.tls_key is not None and self.tls_cert is None:
            raise InvalidSetting("STREAMER_TLS_KEY is set, and STREAMER_TLS_CERT is not")
        force_setattr(self, "data_dir", self.data_dir.expanduser().absolute())
        for name in ("tls_cert", "tls_key"):
            file: Path | None = getattr(self, name)
            if file is not None:
                force_setattr(self, name, file.expanduser().absolute())
        for name, below in (
            ("media_dir", "media"),
            ("output_dir", "output"),
            ("upload_dir", "uploads"),
        ):
            given: Path = getattr(self, name)
            path = self.data_dir / below if given == _IN_DATA_DIR else given.expanduser().absolute()
            force_setattr(self, name, path)
        if self.metrics_dir is not None:
            force_setattr(self, "metrics_dir", self.metrics_dir.expanduser().absolute())
        if self.auth_public_key is not None and not is_pem(self.auth_public_key):
            path = Path(self.auth_public_key).absolute()
            force_setattr(self, "auth_public_key", str(path))
        key = self.push_key
        if key is not None and not is_pem(key) and not is_raw_key(key):
            force_setattr(self, "push_key", str(Path(key).absolute()))

    def __repr__(self) -> str:
        """Without passwords: it may end in a log or a traceback."""
        shown = (
            f"{name}={it.shown(it.text(getattr(self, name)))!r}" for name, it in SETTINGS.items()
        )
        return f"Settings({', '.join(shown)})"

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] = os.environ,
        **overrides: Any,  # noqa: ANN401 - the fields' own types, checked below
    ) -> Self:
        """Read ``STREAMER_*`` variables; an override that is not None wins over them.

        A variable that is set but empty counts as not set, as in a compose file.
        What may be secret is also read from the file that ``STREAMER_NAME_FILE`` names.
        An override may be text, in the variable's own form.

        Raises:
            InvalidSetting: naming the variable, its value and what is allowed.
        """
        values: dict[str, Any] = {}
        for setting in SETTINGS.values():
            given, called = overrides.pop(setting.name, None), None
            if given is None:
                given, called = _from_environ(setting, environ)
            if given is not None:
                values[setting.name] = setting.check(given, called)
        if overrides:
            raise TypeError(f"no such setting: {', '.join(sorted(overrides))}")
        return cls(**values)

    def to_env(self) -> dict[str, str]:
        """The variables that give a child process these settings, whatever else it inherits."""
        environ = {}
        for setting in SETTINGS.values():
            if text := setting.text(getattr(self, setting.name)):
                environ[setting.variable] = text
                if setting.is_secret:
                    environ[setting.file_variable] = ""  # read already: both would be too many
        return environ

    def keeps_reads(self, topic: str) -> bool:
        """Whether events of type ``read`` are kept on `topic`."""
        return any(topic == prefix or topic.startswith(f"{prefix}/") for prefix in self.kept_reads)

    def unread_policy(self) -> UnreadPolicy:
        """Which events count as unread on each topic, as the event log takes it."""
        return UnreadPolicy({**DEFAULT_UNREAD, **self.unread})

    def retention_policy(self) -> RetentionPolicy:
        """The retention of every topic, as the event log takes it."""
        return RetentionPolicy(
            Retention(self.retention_length, self.retention_age),
            {**DEFAULT_PREFIXES, **self.retention},
        )

    @property
    def base_url(self) -> str:
        """Where `tail` and `publish` find the server, without a slash at the end."""
        if self.url is not None:
            return self.url.rstrip("/")
        # What listens on every address is reached on the loopback one.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        scheme = "http" if self.tls_cert is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"


def _from_environ(setting: Setting, environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """What `environ` has for `setting`, and what an error calls that, if not its variable."""
    given = environ.get(setting.variable) or None
    path = environ.get(setting.file_variable) if setting.is_secret else None
    if not path:
        return given, None
    if given is not None:
        raise InvalidSetting(
            f"{setting.variable} and {setting.file_variable} are set together; "
            "it must be one of them"
        )
    return read_secret_file(setting, path), f"{setting.variable}, as {path!r} has it,"


def _settings() -> dict[str, Setting]:
    found = {}
    for field in msgspec.structs.fields(Settings):
        hint = field.type
        annotated = hint if get_origin(hint) is Annotated else get_args(hint)[0]
        setting = Setting(field.name, annotated, "")
        default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
        found[field.name] = setting._replace(
            default="" if default == _IN_DATA_DIR else setting.text(default)
        )
    return found


#: Every setting by name, in the order of `Settings`.
SETTINGS: Final = _settings()


def access_is_open(settings: Settings) -> bool:
    """Whether nobody is asked who they are: no secret, no key and no application is set."""
    return not any(getattr(settings, name) for name in WAYS)


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str | None]:
    """``STREAMER_*`` variables that are not settings, each with the nearest one that is."""
    # Without what all have in common, which would make all alike.
    variables = [setting.variable for setting in SETTINGS.values()]
    variables += [setting.file_variable for setting in SETTINGS.values() if setting.is_secret]
    known = {variable.removeprefix(PREFIX): variable for variable in variables}
    given = [name.removeprefix(PREFIX) for name in sorted(environ) if name.startswith(PREFIX)]
    found = {}
    for name in given:
        if name not in known:
            # Only what is secret is read from a file.
            near = difflib.get_close_matches(name.removesuffix("_FILE"), known, n=1)
            found[PREFIX + name] = known[near[0]] if near else None
    return found
