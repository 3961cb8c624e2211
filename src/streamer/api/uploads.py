"""Uploads over HTTP, by the tus protocol 1.0."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any, Final

from litestar import Request, Response, delete, head, patch, post
from litestar.params import FromPath

from ..access.grants import EVERYTHING
from ..errors import Forbidden, InvalidParameter, RequestTimeout, StreamerError
from ..events.topic import project_topic
from ..uploads.stored import Record, Stored
from ..uploads.uploads import Uploads
from .asker import asker_of
from .documentation import ApiOperation
from .long_body import closing, is_cut_off, long_body
from .may import may_publish
from .quota_fields import headers_of
from .refusals import note_denial
from .routes import RoutesOfEach
from .too_often import HowOften
from .tus import (
    PATH,
    VERSION,
    check_piece,
    check_tus,
    has_piece,
    number_in,
    read_metadata,
    text_in,
    tus_problem,
)

#: How a POST says what it is, where only GET and POST come through.
_OVERRIDE: Final = "x-http-method-override"


@post(
    "/uploads",
    tags=["uploads"],
    operation_class=ApiOperation,
    summary="Begin an upload",
    request_max_body_size=None,  # by the upload's length instead
)
async def create_upload(request: Request[Any, Any, Any]) -> Response[None]:
    """Begin an upload of `Upload-Length` bytes; `Upload-Metadata` has `project_id`, `filename`.

    The answer's `Location` is where to send the bytes. A body of type
    `application/offset+octet-stream` is its first piece.
    """
    check_tus(request)
    often: HowOften = request.app.state.job_rate
    quota = often.count(request)
    text = request.headers.get("upload-metadata", "")
    asker, metadata = asker_of(request), read_metadata(text)
    if not (project := text_in(metadata, "project_id")):
        raise InvalidParameter("Upload-Metadata must have project_id, as in: project_id ZGVtbw==")
    may_publish(asker, (project_topic(project),))
    uploads: Uploads = request.app.state.uploads
    stored, record = await uploads.create(
        text_in(metadata, "filename"),
        project,
        number_in(request, "upload-length"),
        owner=asker.subject,
        party=asker.party,
        metadata=text,
    )
    there = 0
    if has_piece(request):
        try:
            there = await _receive(request, stored, record, 0)
        except StreamerError:
            await uploads.cancel(stored.id)  # its address is not known to anybody
            raise
        if is_cut_off(request):
            await uploads.cancel(stored.id)  # likewise
    headers = {
        **_fields(request, stored, record, there),
        "Location": f"{request.scope.get('root_path', '')}{PATH}/{stored.id}",
        **headers_of(quota),
    }
    return Response(None, status_code=201, headers=headers)


@head(
    "/uploads/{upload_id:str}",
    tags=["uploads"],
    operation_class=ApiOperation,
    summary="Look where an upload continues",
)
async def look_at_upload(
    upload_id: FromPath[str], request: Request[Any, Any, Any]
) -> Response[None]:
    """Say in `Upload-Offset` how many bytes have come."""
    stored, record, there = await _find(request, upload_id)
    headers = _fields(request, stored, record, there)
    if record.metadata:
        headers["Upload-Metadata"] = record.metadata
    return Response(None, headers=headers)


@patch(
    "/uploads/{upload_id:str}",
    status_code=204,
    tags=["uploads"],
    operation_class=ApiOperation,
    summary="Continue an upload",
    request_max_body_size=None,
)
async def continue_upload(
    upload_id: FromPath[str], request: Request[Any, Any, Any]
) -> Response[None]:
    """Append the body, of type `application/offset+octet-stream`, at `Upload-Offset`.

    What came of a body that is cut off is kept. The last piece is answered once the
    upload was probed: 400 `invalid_source` says that it was no video, and was removed.
    """
    return await _continue(request, upload_id)


@delete(
    "/uploads/{upload_id:str}",
    tags=["uploads"],
    operation_class=ApiOperation,
    summary="Remove an upload",
)
async def end_upload(upload_id: FromPath[str], request: Request[Any, Any, Any]) -> Response[None]:
    """Cancel an upload, or remove the video of one that is whole."""
    return await _end(request, upload_id)


@post(
    "/uploads/{upload_id:str}",
    status_code=204,
    tags=["uploads"],
    operation_class=ApiOperation,
    summary="Continue or remove an upload, by POST",
    request_max_body_size=None,
)
async def override_upload(
    upload_id: FromPath[str], request: Request[Any, Any, Any]
) -> Response[None]:
    """Do what `X-HTTP-Method-Override` says, `PATCH` or `DELETE`, where only POST comes through."""
    match request.headers.get(_OVERRIDE, "").upper():
        case "PATCH":
            return await _continue(request, upload_id)
        case "DELETE":
            return await _end(request, upload_id)
        case other:
            raise InvalidParameter(
                f"X-HTTP-Method-Override is {other[:20]!r}; here it must be PATCH or DELETE"
            )


UPLOAD_ROUTES: Final = RoutesOfEach(
    "/",
    route_handlers=[create_upload, look_at_upload, continue_upload, end_upload, override_upload],
    exception_handlers={StreamerError: tus_problem},
)


async def _continue(request: Request[Any, Any, Any], upload_id: str) -> Response[None]:
    stored, record, _ = await _find(request, upload_id)
    check_piece(request)
    there = await _receive(request, stored, record, number_in(request, "upload-offset"))
    return Response(None, status_code=204, headers=_fields(request, stored, record, there))


async def _receive(
    request: Request[Any, Any, Any], stored: Stored, record: Record, offset: int
) -> int:
    uploads: Uploads = request.app.state.uploads
    try:
        return await uploads.receive(stored, record, offset, long_body(request))
    except RequestTimeout:
        # Clients take a 408 for the end. Whoever is still there learns how much has come.
        return stored.offset(record)


async def _end(request: Request[Any, Any, Any], upload_id: str) -> Response[None]:
    stored, record, _ = await _find(request, upload_id)
    uploads: Uploads = request.app.state.uploads
    await uploads.remove(stored, record)
    return Response(None, status_code=204, headers={"Tus-Resumable": VERSION, **closing(request)})


async def _find(request: Request[Any, Any, Any], upload_id: str) -> tuple[Stored, Record, int]:
    """The upload, if whoever asks is who created it; to others it is not there."""
    check_tus(request)
    uploads: Uploads = request.app.state.uploads
    stored, record, there = await uploads.look(upload_id)
    asker = asker_of(request)
    if asker.grants is not EVERYTHING:
        if asker.subject != record.owner:
            note_denial(request.scope, Forbidden(f"upload {upload_id} is somebody else's"))
            raise stored.unknown()
        may_publish(asker, (project_topic(record.project),))
    return stored, record, there


def _fields(
    request: Request[Any, Any, Any], stored: Stored, record: Record, there: int
) -> dict[str, str]:
    fields = {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(there),
        "Cache-Control": "no-store",
        **closing(request),
    }
    if record.length is not None:
        fields["Upload-Length"] = str(record.length)
    if there != record.length:
        uploads: Uploads = request.app.state.uploads
        fields["Upload-Expires"] = formatdate(uploads.expires(stored.changed()), usegmt=True)
    return fields
