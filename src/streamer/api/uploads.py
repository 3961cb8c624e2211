"""Uploads over HTTP, by the tus protocol 1.0 (tus.io/protocols/resumable-upload)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Callable, Iterable
from email.utils import formatdate
from typing import Any, Final

from litestar import Request, Response, delete, head, patch, post
from litestar.params import FromPath

from ..access.grants import EVERYTHING
from ..config.server_url import API
from ..config.settings import Settings
from ..errors import Forbidden, InvalidParameter, NotFound, UnsupportedTus
from ..events.topic import project_topic
from ..hub.writer import EXTENSION
from ..uploads.stored import Record, Stored
from ..uploads.uploads import Uploads
from .asker import asker_of
from .documentation import ApiOperation
from .may import may_publish
from .quota_fields import headers_of
from .refusals import note_denial
from .too_often import HowOften

_VERSION: Final = "1.0.0"
_EXTENSIONS: Final = "creation,creation-with-upload,expiration,termination"
#: The type of a piece's body.
_PIECE: Final = "application/offset+octet-stream"
_PATH: Final = f"{API}/uploads"
#: Digits of a number of bytes, more than any disk has.
_DIGITS: Final = 18


def options_of(settings: Settings) -> Callable[[str], Iterable[tuple[bytes, bytes]]]:
    """What an answer to ``OPTIONS`` says of uploads, by path."""
    fields = (
        (b"tus-resumable", _VERSION.encode()),
        (b"tus-version", _VERSION.encode()),
        (b"tus-extension", _EXTENSIONS.encode()),
        (b"tus-max-size", b"%d" % settings.upload_max_bytes),
    )
    return lambda path: fields if f"{_PATH}/" in f"{path}/" else ()


@post("/uploads", tags=["uploads"], operation_class=ApiOperation, summary="Begin an upload")
async def create_upload(request: Request[Any, Any, Any]) -> Response[None]:
    """Begin an upload of `Upload-Length` bytes; `Upload-Metadata` has `project_id`, `filename`.

    The answer's `Location` is where to send the bytes. A body of type
    `application/offset+octet-stream` is its first piece.
    """
    _check_version(request)
    often: HowOften = request.app.state.job_rate
    quota = often.count(request)
    text = request.headers.get("upload-metadata", "")
    asker, metadata = asker_of(request), _metadata(text)
    if not (project := metadata.get("project_id", "")):
        raise InvalidParameter("Upload-Metadata must have project_id, as in: project_id ZGVtbw==")
    may_publish(asker, (project_topic(project),))
    length = _number(request, "upload-length")
    uploads: Uploads = request.app.state.uploads
    stored = await uploads.create(
        metadata.get("filename", ""),
        project,
        length,
        owner=asker.subject,
        party=asker.client,
        metadata=text,
    )
    there = 0
    if request.headers.get("content-type") == _PIECE:
        there = await uploads.receive(stored, stored.read(), 0, _pieces(request))
    headers = {
        **_fields(uploads, stored, there, length),
        "Location": f"{request.scope.get('root_path', '')}{_PATH}/{stored.id}",
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
    uploads, stored, record, there = await _find(request, upload_id)
    headers = _fields(uploads, stored, there, record.length)
    if record.metadata:
        headers["Upload-Metadata"] = record.metadata
    return Response(None, headers=headers)


@patch(
    "/uploads/{upload_id:str}",
    status_code=204,
    tags=["uploads"],
    operation_class=ApiOperation,
    summary="Continue an upload",
    request_max_body_size=None,  # by the upload's length instead
)
async def continue_upload(
    upload_id: FromPath[str], request: Request[Any, Any, Any]
) -> Response[None]:
    """Append the body, of type `application/offset+octet-stream`, at `Upload-Offset`.

    What came of a body that is cut off is kept. The last piece is answered once the
    upload was probed: 400 `invalid_source` says that it was no video, and was removed.
    """
    uploads, stored, record, _ = await _find(request, upload_id)
    if request.headers.get("content-type") != _PIECE:
        raise InvalidParameter(f"the Content-Type of a piece must be {_PIECE}")
    offset = _number(request, "upload-offset")
    there = await uploads.receive(stored, record, offset, _pieces(request))
    return Response(None, headers=_fields(uploads, stored, there, record.length))


@delete(
    "/uploads/{upload_id:str}",
    tags=["uploads"],
    operation_class=ApiOperation,
    summary="Cancel an upload",
)
async def end_upload(upload_id: FromPath[str], request: Request[Any, Any, Any]) -> Response[None]:
    """Remove an unfinished upload."""
    uploads, stored, record, _ = await _find(request, upload_id)
    await uploads.end(stored, record)
    return Response(None, headers={"Tus-Resumable": _VERSION})


UPLOAD_HANDLERS: Final = (create_upload, look_at_upload, continue_upload, end_upload)


async def _find(
    request: Request[Any, Any, Any], upload_id: str
) -> tuple[Uploads, Stored, Record, int]:
    """The upload, if whoever asks is who created it; to others it is not there."""
    _check_version(request)
    uploads: Uploads = request.app.state.uploads
    stored, record, there = await uploads.look(upload_id)
    asker = asker_of(request)
    if asker.grants is not EVERYTHING:
        if asker.subject != record.owner:
            note_denial(request.scope, Forbidden(f"upload {upload_id} is somebody else's"))
            raise NotFound(f"no upload {upload_id!r} is known; it may have ended or expired")
        may_publish(asker, (project_topic(record.project),))
    return uploads, stored, record, there


def _check_version(request: Request[Any, Any, Any]) -> None:
    if (given := request.headers.get("tus-resumable")) != _VERSION:
        said = "is not there" if given is None else f"is {given[:40]!r}"
        raise UnsupportedTus(f"Tus-Resumable {said}; it must be {_VERSION}")


def _number(request: Request[Any, Any, Any], name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise InvalidParameter(f"{name.title()} is {text[:40]!r}; it must be a number of bytes")
    return int(text)


def _metadata(text: str) -> dict[str, str]:
    """Read ``Upload-Metadata``: names with values in base64, separated by commas."""
    found: dict[str, str] = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        name, _, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeError) as error:
            raise InvalidParameter(
                f"Upload-Metadata has for {name[:40]!r} what is not UTF-8 in base64"
            ) from error
    return found


def _fields(uploads: Uploads, stored: Stored, there: int, length: int | None) -> dict[str, str]:
    fields = {
        "Tus-Resumable": _VERSION,
        "Upload-Offset": str(there),
        "Cache-Control": "no-store",
    }
    if length is not None:
        fields["Upload-Length"] = str(length)
    if there != length:
        fields["Upload-Expires"] = formatdate(uploads.expires(stored.changed()), usegmt=True)
    return fields


async def _pieces(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """The body as it comes; it ends early where the client is gone."""
    extensions: Any = request.scope.get("extensions") or {}
    # Our own server has a clock for bodies; this one may take longer, at a pace.
    if (take := getattr(extensions.get(EXTENSION), "take_long_body", None)) is not None:
        take()
    while True:
        message: Any = await request.receive()
        if message["type"] != "http.request":
            return
        yield message.get("body", b"")
        if not message.get("more_body"):
            return
