"""The application: only wires."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components
from litestar.types import ControllerRouterHandler

from .access.authorize import Authorize
from .access.exchange import Exchange, from_secret
from .access.grants import Grants
from .access.revocations import Revocations
from .api.admin_report import ADMIN_REPORT_HANDLERS
from .api.admin_topics import ADMIN_TOPIC_HANDLERS
from .api.answers import ANSWER_HANDLERS
from .api.asker import Door, by_token, let_in, let_in_to_api
from .api.chats import CHAT_HANDLERS
from .api.connections import CONNECTION_HANDLERS, Census
from .api.door import entrance_of, known_at
from .api.farewells import Farewells
from .api.front import Front
from .api.guard import Guard
from .api.health import HEALTH_HANDLERS
from .api.hosts import Hosts, hosts_of, is_loopback
from .api.jobs import JOB_HANDLERS, close_jobs, provide_jobs
from .api.metrics import METRICS_HANDLERS
from .api.notifications import NOTIFICATION_HANDLERS
from .api.origins import Origins
from .api.pages import PAGE_HANDLERS
from .api.poll import POLL_HANDLERS
from .api.problems import EXCEPTION_HANDLERS
from .api.process_report import ProcessReporting
from .api.projects import PROJECT_HANDLERS
from .api.prompt_publishes import PromptPublishes
from .api.promptly import Kind, Promptly
from .api.proofs import ANY_PROOF, PROOFS
from .api.publish import BODY_FACTOR, PUBLISH_HANDLERS
from .api.push import PUSH_HANDLERS
from .api.rate import Rate
from .api.reader_cursors import CURSOR_HANDLERS
from .api.reference import ReferencePage, schema_router
from .api.refusals import note_end
from .api.renewals import RENEWAL_HANDLERS, Renewals
from .api.revocations import REVOCATION_HANDLERS
from .api.routes import Routes
from .api.schema_documents import EventsJson, SchemaJson, StreamsJson
from .api.streams.chats import CHAT_STREAM_HANDLERS
from .api.streams.prompt_sockets import PromptSockets
from .api.streams.prompt_streams import PromptStreams
from .api.streams.sse import SSE_HANDLERS
from .api.streams.websocket import WEBSOCKET_HANDLERS
from .api.tokens import TOKEN_HANDLERS
from .api.too_often import HowOften
from .api.tus import options_of
from .api.uploads import UPLOAD_ROUTES
from .api.written import Written
from .chats.attendance import Attendance
from .chats.typing import TypingWatch
from .config.server_url import API
from .config.settings import Settings
from .doors import dialect_routes
from .eventlog.base import EventLog
from .eventlog.found import found_log_url
from .eventlog.open import open_event_log
from .eventlog.rules import Upholding
from .hub.hub import Hub
from .hub.options import HubOptions, TailLimits
from .jobs.chat_answer.asking import answers_here
from .jobs.disk_watch import DiskWatch
from .jobs.stalls import StallWatch
from .jobs.waiting import WaitingWatch
from .life import Life, Work
from .limits import FRAME_BURST
from .metrics import Both, Metrics
from .mounted.app import Blocking, StreamerApp
from .mounted.no_listeners import NoListeners
from .prometheus.counting import Counting
from .prometheus.of_log import OfLog
from .prometheus.reporting import Reporting
from .publishing.publisher import Publisher
from .push.wired import push_of
from .uploads.uploads import Uploads
from .version import __version__

#: What stands below `API`; each names its path from there.
_API_HANDLERS: Final = (
    *SSE_HANDLERS,
    *WEBSOCKET_HANDLERS,
    *POLL_HANDLERS,
    *PUBLISH_HANDLERS,
    *JOB_HANDLERS,
    *PROJECT_HANDLERS,
    *CONNECTION_HANDLERS,
    *REVOCATION_HANDLERS,
    *ADMIN_TOPIC_HANDLERS,
    *ADMIN_REPORT_HANDLERS,
    *TOKEN_HANDLERS,
    *CURSOR_HANDLERS,
    *NOTIFICATION_HANDLERS,
    *PUSH_HANDLERS,
    *CHAT_HANDLERS,
    *CHAT_STREAM_HANDLERS,
    *ANSWER_HANDLERS,
    *RENEWAL_HANDLERS,
    UPLOAD_ROUTES,
)
_ROOT_HANDLERS: Final = (*HEALTH_HANDLERS, *METRICS_HANDLERS, *PAGE_HANDLERS)


def create_app(
    settings: Settings | None = None,
    log: EventLog | None = None,
    *,
    metrics: Metrics | None = None,
    door: Door | None = None,
    authorize: Authorize | None = None,
    routes: Sequence[ControllerRouterHandler] = (),
    clock: Callable[[], float] = time.time,
) -> StreamerApp:
    """Wire an application over `log`, by default the Redis that `settings` names.

    The settings are by default those of the environment (`Settings.from_env`).

    It may be mounted in another application. The log is closed with its lifespan,
    if it has one. What happens is counted for ``/metrics``, and by `metrics`, too, if that
    is given. Who asks, and what they may, is known as the settings of access say; or by
    `authorize`, which is given the connection and returns claims (`access.authorize`); or
    by `door`, which does all of it. `routes` are those of more dialects than ours, from the
    root of the app. `clock` is that by which tokens end: seconds since 1970.

    Raises:
        ValueError: two of them say who may come in; or there is neither a log nor a Redis.
        InvalidSetting: a key that is set cannot be used.
    """
    settings = _of_the_environment() if settings is None else settings
    counting = metrics if isinstance(metrics, Counting) else Counting()
    metrics = counting if metrics in (None, counting) else Both(counting, metrics)
    the_log = open_event_log(settings) if log is None else log
    hub = Hub(the_log, _hub_options(settings), metrics=metrics, clock=clock, ended=note_end)
    census, upholding = Census(hub, the_log), Upholding(the_log.rules)
    publisher = Publisher(the_log, max_event_bytes=settings.max_event_bytes, metrics=metrics)
    blocking = Blocking(
        # A connection to Redis is of one event loop; a log in memory is of its process.
        lambda: the_log if settings.redis_url is None else open_event_log(settings),
        max_event_bytes=settings.max_event_bytes,
    )
    uploads = Uploads(settings, the_log, publisher)
    typing, disk = TypingWatch(the_log, publisher), DiskWatch(settings)
    attendance = Attendance(the_log, typing, lambda: hub.draining)
    of_log = OfLog(the_log, lambda: provide_jobs(app.state, settings, the_log, publisher))
    reporting = Reporting(
        counting,
        hub,
        of_log,
        most_readers=settings.max_connections,
        is_disk_low=lambda: disk.low != "",
        directory=settings.metrics_dir,
    )
    watches: list[Work] = [
        typing,
        attendance,
        upholding,
        ProcessReporting(hub, the_log, counting, upholding, __version__),
        StallWatch(the_log, publisher, settings.lease_seconds),
        WaitingWatch(the_log, publisher),
        uploads,
        reporting,
        disk,
    ]
    renewals = Renewals(hub, the_log)
    secret = settings.auth_secret
    exchange = Exchange(the_log.access.signing_key if secret is None else from_secret(secret))
    revocations = Revocations(
        the_log.access, lambda: hub.end_revoked(revocations.is_revoked), clock=clock
    )
    entrance = entrance_of(
        settings, exchange, revocations.is_revoked, authorize=authorize, door=door
    )
    is_open = entrance.door is by_token
    if not is_open:
        watches.append(renewals)
    is_revoked = _nobody if is_open else revocations.is_revoked
    if (push := push_of(settings, the_log, is_revoked, clock=clock)) is not None:
        watches.append(push.watch)
    life = Life(
        the_log,
        hub,
        census,
        watches,
        revocations=None if is_open else revocations,
        close_door=entrance.close,
    )
    app = StreamerApp(
        route_handlers=[
            Routes(API, route_handlers=_API_HANDLERS, before_request=let_in_to_api),
            # The framework looks at all routes again after each that it is given.
            Routes("/", route_handlers=[*_ROOT_HANDLERS, *dialect_routes()]),
            *routes,
        ],
        before_request=let_in,
        dependencies={
            "settings": _given(settings),
            "log": _given(the_log),
            "hub": _given(hub),
            "publisher": _given(publisher),
            "census": _given(census),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        event_emitter_backend=NoListeners,
        logging_config=None,  # whoever starts the process says where its log goes
        openapi_config=OpenAPIConfig(
            title="Streamer",
            version=__version__,
            openapi_router=schema_router(),
            render_plugins=[ReferencePage(), SchemaJson(), StreamsJson(), EventsJson()],
            use_handler_docstrings=True,
            components=Components(security_schemes=PROOFS),
            security=ANY_PROOF,
        ),
        lifespan=[lambda _app: life.lifespan()],
        on_shutdown=[close_jobs, blocking.close],
        request_max_body_size=BODY_FACTOR * settings.max_event_bytes,  # more is refused unread
    )
    origins = Origins(
        settings.allowed_origins,
        loopback_pages=not settings.allowed_origins and is_loopback(settings.host),
    )
    hosts = _hosts(settings)
    app.asgi_handler = life.at_first_request(
        Guard(app, Front(app), hosts, origins, options_of(settings))
    )
    app.state.settings = settings
    app.state.origins = origins
    app.state.hub, app.state.clock = hub, clock
    app.state.census, app.state.log = census, the_log
    app.state.metrics, app.state.reporting = metrics, reporting
    app.state.door, app.state.is_open = entrance.door, is_open
    app.state.exchange = exchange
    app.state.revocations = revocations
    app.state.renewals = renewals
    app.state.publisher, app.state.blocking = publisher, blocking
    app.state.uploads, app.state.disk = uploads, disk
    app.state.documents = Written()
    app.state.is_proxied = False
    app.state.answers = answers_here(
        settings, lambda: provide_jobs(app.state, settings, the_log, publisher), publisher
    )
    app.state.typing, app.state.attendance = typing, attendance
    app.state.push = push
    app.state.farewells = Farewells()
    _limit_rates(app, settings)
    app.state.prompt = _prompt_of(app, settings, life, entrance.door, hosts)
    return app


def _prompt_of(
    app: StreamerApp,
    settings: Settings,
    life: Life,
    door: Door,
    hosts: Hosts,
) -> Promptly | None:
    """What answers most requests without a task, where it can know at once who asks."""
    known = known_at(door)
    if known is None:
        return None
    origins, most = app.state.origins, BODY_FACTOR * settings.max_event_bytes
    publishes = PromptPublishes(app.publisher, origins, app.state.publish_rate, most=most)
    streams = PromptStreams(app, settings)
    sockets = PromptSockets(app, settings)
    kinds: dict[str | None, Kind] = {"GET": streams, "POST": publishes, None: sockets}
    return Promptly(app, life, known=known, hosts=hosts, kinds=kinds)


def _hub_options(settings: Settings) -> HubOptions:
    tail = TailLimits(max_events=settings.tail_events, max_bytes=settings.tail_bytes)
    return HubOptions(
        tail=tail,
        send_timeout=settings.send_timeout,
        retry_ms=settings.retry_ms,
        max_readers=settings.max_connections,
        max_readers_per_client=settings.max_connections_per_client,
        max_readers_per_subject=settings.max_connections_per_subject,
        max_topics_per_subject=settings.max_topics_per_subject,
        io_uring=settings.io_uring,
    )


def _limit_rates(app: StreamerApp, settings: Settings) -> None:
    app.state.command_rate = Rate(settings.command_rate, burst=FRAME_BURST)
    app.state.job_rate = HowOften("jobs", "queue jobs", settings.job_rate)
    app.state.publish_rate = HowOften("publish", "publish", settings.publish_rate)


def _nobody(_grants: Grants) -> bool:
    """Whose token was revoked, where nobody has one."""
    return False


def _of_the_environment() -> Settings:
    """Its settings; a log that they do not name is that of a ``streamer run`` nearby, if any."""
    settings = Settings.from_env()
    return msgspec.structs.replace(settings, redis_url=found_log_url(settings))


def _given(value: Any) -> Provide:  # noqa: ANN401 - whatever is injected
    provide: Callable[[], Any] = lambda: value  # noqa: E731
    return Provide(provide, use_cache=True, sync_to_thread=False)


def _hosts(settings: Settings) -> Hosts:
    """Whose requests are ours; any host's where nobody has said it.

    An app within another, or behind a server that is not ours, has names that no
    setting here knows. `server.serve` knows where it listens, and says it.
    """
    allowed = settings.allowed_hosts
    return Hosts(hosts_of(settings.host, allowed) if allowed else ("*",))
