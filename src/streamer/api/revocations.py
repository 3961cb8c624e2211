"""Taking tokens back over HTTP, which admins may do."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.params import Parameter

from ..access.audit import audit
from ..access.claims import MAX_NAME
from ..access.revocations import Revocations
from ..errors import Forbidden, InvalidFields, InvalidJSON
from ..eventlog.access import Kind, Revocation
from ..events.cursor import timestamp_of
from .asker import Asker, asker_of
from .documentation import ApiOperation, RevokeOperation
from .query import LIST

#: Revocations in one list, at most.
_MAX_LISTED: Final = 1000
_KINDS: Final[tuple[Kind, ...]] = ("jti", "sub")


@post(
    "/revocations",
    status_code=201,
    tags=["access"],
    operation_class=RevokeOperation,
    summary="Revoke a token, or all tokens of a subject",
)
async def revoke(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Take back `{"jti": "5f0c"}`, or of `{"sub": "7"}` all tokens that were issued until now.

    Streams that they were opened with end, in every process, within a second. For admins.
    """
    asker = asker_of(request)
    _refuse_unless_admin(asker)
    kind, value = named_in(await request.body())
    revocations: Revocations = request.app.state.revocations
    revocation = await revocations.revoke(kind, value)
    audit("revoked", **{kind: value}, by=asker.subject, client=asker.client)
    return _shown(revocation)


@get(
    "/revocations",
    tags=["access"],
    opt=LIST,
    operation_class=ApiOperation,
    summary="List what was revoked",
)
async def list_revocations(
    request: Request[Any, Any, Any],
    limit: Annotated[int, Parameter(ge=1, le=_MAX_LISTED)] = 100,
) -> dict[str, Any]:
    """List what was revoked last, the newest first, and how much there is. For admins."""
    _refuse_unless_admin(asker_of(request))
    revocations: Revocations = request.app.state.revocations
    newest = [_shown(revocation) for revocation in revocations.newest(limit)]
    return {"revocations": newest, "total": revocations.total}


REVOCATION_HANDLERS: Final = (revoke, list_revocations)


def named_in(body: bytes) -> tuple[Kind, str]:
    """What a body asks to revoke: ``{"jti": "..."}`` or ``{"sub": "..."}``.

    Raises:
        InvalidJSON: it is no JSON object.
        InvalidFields: it names neither, or both, or something else besides.
    """
    try:
        fields = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidJSON(f"the body is not a JSON object: {error}") from error
    if len(fields) != 1 or (kind := next(iter(fields))) not in _KINDS:
        raise InvalidFields('the body must name one token or subject: {"jti":"…"} or {"sub":"…"}')
    value = fields[kind]
    # As claims have them: any other is of no token.
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME or not value.isprintable():
        raise InvalidFields(f"{kind} must be 1 to {MAX_NAME} characters that can be seen")
    return kind, value


def _refuse_unless_admin(asker: Asker) -> None:
    if asker.credential is None:
        raise Forbidden("nobody is asked who they are here, so there is nothing to revoke")
    if not asker.grants.is_admin:
        raise Forbidden("only an admin may do this")


def _shown(revocation: Revocation) -> dict[str, Any]:
    at = timestamp_of(round(revocation.at * 1000))
    return {revocation.kind: revocation.value, "revoked_at": at}
