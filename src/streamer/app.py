"""The application: only wires."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components
from litestar.types import ControllerRouterHandler

from . import __version__
from .access.authorize import Authorize
from .access.exchange import Exchange, from_secret
from .access.revocations import Revocations
from .api.asker import Door, by_token, let_in, let_in_to_api
from .api.connections import CONNECTION_HANDLERS, Census
from .api.door import entrance_of
from .api.farewells import Farewells
from .api.guard import Guard
from .api.health import HEALTH_HANDLERS
from .api.hosts import Hosts, hosts_of, is_loopback
from .api.jobs import JOB_HANDLERS, close_jobs
from .api.notifications import NOTIFICATION_HANDLERS
from .api.origins import Origins
from .api.pages import PAGE_HANDLERS
from .api.poll import POLL_HANDLERS
from .api.problems import http_problem, streamer_problem, unexpected_problem
from .api.projects import PROJECT_HANDLERS
from .api.proofs import ANY_PROOF, PROOFS
from .api.publish import BODY_FACTOR, PUBLISH_HANDLERS
from .api.rate import Rate
from .api.reader_cursors import CURSOR_HANDLERS
from .api.reference import ReferencePage, SchemaJson, schema_router
from .api.refusals import note_end
from .api.renewals import RENEWAL_HANDLERS, Renewals
from .api.revocations import REVOCATION_HANDLERS
from .api.streams.sse import SSE_HANDLERS
from .api.streams.websocket import WEBSOCKET_HANDLERS
from .api.tokens import TOKEN_HANDLERS
from .api.too_often import HowOften
from .api.tus import options_of
from .api.uploads import UPLOAD_ROUTES
from .config.server_url import API
from .config.settings import Settings
from .doors import dialect_routes
from .errors import StreamerError
from .eventlog.base import EventLog
from .eventlog.open import open_event_log
from .hub.hub import Hub
from .hub.options import HubOptions, TailLimits
from .jobs.stalls import StallWatch
from .jobs.waiting import WaitingWatch
from .life import Life, Work
from .limits import FRAME_BURST
from .metrics import SILENT, Metrics
from .publishing.publisher import Publisher
from .uploads.uploads import Uploads

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
    *TOKEN_HANDLERS,
    *CURSOR_HANDLERS,
    *NOTIFICATION_HANDLERS,
    *RENEWAL_HANDLERS,
    UPLOAD_ROUTES,
)


def create_app(
    settings: Settings,
    log: EventLog | None = None,
    *,
    metrics: Metrics = SILENT,
    door: Door | None = None,
    authorize: Authorize | None = None,
    routes: Sequence[ControllerRouterHandler] = (),
    clock: Callable[[], float] = time.time,
) -> Litestar:
    """Wire an application over `log`, by default the Redis that `settings` names.

    It may be mounted in another application. The log is closed with its lifespan,
    if it has one. `metrics` counts what happens. Who asks, and what they may, is known as
    the settings of access say; or by `authorize`, which is given the connection and returns
    claims (`access.authorize`); or by `door`, which does all of it. `routes` are those of
    more dialects than ours, from the root of the app. `clock` is that by which tokens end:
    seconds since 1970.

    Raises:
        ValueError: two of them say who may come in.
        InvalidSetting: a key that is set cannot be used.
    """
    the_log = open_event_log(settings) if log is None else log
    tail = TailLimits(max_events=settings.tail_events, max_bytes=settings.tail_bytes)
    options = HubOptions(
        tail=tail,
        send_timeout=settings.send_timeout,
        retry_ms=settings.retry_ms,
        max_readers=settings.max_connections,
        max_readers_per_client=settings.max_connections_per_client,
        max_readers_per_subject=settings.max_connections_per_subject,
        max_topics_per_subject=settings.max_topics_per_subject,
        io_uring=settings.io_uring,
    )
    hub = Hub(the_log, options, metrics=metrics, clock=clock, ended=note_end)
    census = Census(hub, the_log)
    publisher = Publisher(the_log, max_event_bytes=settings.max_event_bytes, metrics=metrics)
    uploads = Uploads(settings, the_log, publisher)
    watches: list[Work] = [
        StallWatch(the_log, publisher, settings.lease_seconds),
        WaitingWatch(the_log, publisher),
        uploads,
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
    life = Life(
        the_log,
        hub,
        census,
        watches,
        revocations=None if is_open else revocations,
        close_door=entrance.close,
    )
    app = Litestar(
        route_handlers=[
            Router(API, route_handlers=_API_HANDLERS, before_request=let_in_to_api),
            *HEALTH_HANDLERS,
            *PAGE_HANDLERS,
            *dialect_routes(),
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
        exception_handlers={
            StreamerError: streamer_problem,
            HTTPException: http_problem,
            Exception: unexpected_problem,
        },
        logging_config=None,  # whoever starts the process says where its log goes
        openapi_config=OpenAPIConfig(
            title="Streamer",
            version=__version__,
            openapi_router=schema_router(),
            render_plugins=[ReferencePage(), SchemaJson()],
            use_handler_docstrings=True,
            components=Components(security_schemes=PROOFS),
            security=ANY_PROOF,
        ),
        lifespan=[lambda _app: life.lifespan()],
        on_shutdown=[close_jobs],
        request_max_body_size=BODY_FACTOR * settings.max_event_bytes,  # more is refused unread
    )
    origins = Origins(
        settings.allowed_origins,
        loopback_pages=not settings.allowed_origins and is_loopback(settings.host),
    )
    app.asgi_handler = life.at_first_request(
        Guard(app, _hosts(settings), origins, options_of(settings))
    )
    app.state.settings = settings
    app.state.unread = settings.unread_policy()
    app.state.origins = origins
    app.state.hub = hub
    app.state.census = census
    app.state.log = the_log
    app.state.metrics = metrics
    app.state.door, app.state.is_open = entrance.door, is_open
    app.state.exchange = exchange
    app.state.revocations = revocations
    app.state.renewals = renewals
    app.state.publisher = publisher
    app.state.uploads = uploads
    app.state.farewells = Farewells()
    app.state.command_rate = Rate(settings.command_rate, burst=FRAME_BURST)
    app.state.job_rate = HowOften("jobs", "queue jobs", settings.job_rate)
    app.state.publish_rate = HowOften("publish", "publish", settings.publish_rate)
    return app


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
