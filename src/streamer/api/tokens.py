"""A short-lived token of some topics for one's own, for a URL: EventSource sets no header."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response, post

from ..access.exchange import Exchange
from ..config.settings import Settings
from ..errors import InvalidFields
from ..events.cursor import timestamp_of
from ..events.json_body import read_json
from .asker import asker_of
from .documentation import TokenOperation
from .quota_fields import headers_of
from .too_often import HowOften


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """What a body asks for.

    Attributes:
        subscribe: topics and patterns to read.
        publish: those to publish to.
        ttl: seconds that the token is to be good; None is as long as it may.
    """

    subscribe: list[str] = []
    publish: list[str] = []
    ttl: float | None = None


@post(
    "/tokens",
    status_code=201,
    tags=["access"],
    operation_class=TokenOperation,
    summary="Exchange a credential for a token of some topics",
)
async def exchange_token(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Make a token for use in a URL, as `{"subscribe": ["projects/p1"], "ttl": 60}` asks.

    It allows these topics and patterns and nothing else, all of which the request's own
    credential must cover, and ends with that at the latest.
    """
    often: HowOften = request.app.state.publish_rate
    quota = often.count(request)  # unread
    wanted = read_wanted(await request.body())
    settings: Settings = request.app.state.settings
    exchange: Exchange = request.app.state.exchange
    ttl = settings.token_ttl if wanted.ttl is None else min(wanted.ttl, settings.token_ttl)
    token, ends = await exchange.exchange(
        asker_of(request).grants, wanted.subscribe, wanted.publish, ttl
    )
    made = {
        "token": token,
        "expires_at": timestamp_of(round(ends * 1000)),
        "subscribe": sorted(set(wanted.subscribe)),
        "publish": sorted(set(wanted.publish)),
    }
    # Who has it needs nothing else: no cache may (RFC 6750, section 5.3).
    return Response(made, headers={"Cache-Control": "no-store", **headers_of(quota)})


def read_wanted(body: bytes) -> Wanted:
    """What `body` asks for.

    Raises:
        InvalidJSON: it is no JSON.
        InvalidFields: it is not what is to be asked for, or asks for nothing.
    """
    wanted = read_json(body, Wanted, '{"subscribe":["projects/p1"],"ttl":60}')
    if not wanted.subscribe and not wanted.publish:
        raise InvalidFields("subscribe or publish must name a topic that the token is for")
    if wanted.ttl is not None and not wanted.ttl >= 1:
        raise InvalidFields("ttl must be a number of seconds, 1 or more")
    return wanted


TOKEN_HANDLERS: Final = (exchange_token,)
