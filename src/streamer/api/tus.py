"""The tus protocol 1.0 (tus.io/protocols/resumable-upload): its header fields, read and written."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from litestar import Request, Response

from ..config.server_url import API
from ..config.settings import Settings
from ..errors import InvalidParameter, StreamerError, UnsupportedTus, WrongMediaType
from ..uploads.limits import max_bytes
from .long_body import closing
from .problems import streamer_problem

VERSION: Final = "1.0.0"
#: Where uploads are.
PATH: Final = f"{API}/uploads"
_EXTENSIONS: Final = "creation,creation-with-upload,expiration,termination"
#: Fields of extensions that are not offered. Who sends one counts on what it says.
_NOT_OFFERED: Final = ("upload-checksum", "upload-concat", "upload-defer-length")
#: The type of a piece's body.
_PIECE: Final = "application/offset+octet-stream"
#: Digits of a number of bytes, more than any disk has.
_DIGITS: Final = 18
#: Characters of all metadata, which are kept for each upload.
_METADATA: Final = 8192
#: What a name in it may be; it is sent back in a header.
_NAME: Final = re.compile(r"[!-+\--~]+")


def options_of(settings: Settings) -> Callable[[str], Iterable[tuple[bytes, bytes]]]:
    """What an answer to ``OPTIONS`` says of uploads, by path."""
    fields = (
        (b"tus-resumable", VERSION.encode()),
        (b"tus-version", VERSION.encode()),
        (b"tus-extension", _EXTENSIONS.encode()),
        (b"tus-max-size", b"%d" % max_bytes(settings)),
    )
    return lambda path: fields if f"{PATH}/" in f"{path}/" else ()


def tus_problem(request: Request[Any, Any, Any], error: StreamerError) -> Response[bytes]:
    """Answer an error: a problem as everywhere, with the fields that tus has in every answer."""
    answer = streamer_problem(request, error)
    answer.headers["Tus-Resumable"] = VERSION
    if isinstance(error, UnsupportedTus):
        answer.headers["Tus-Version"] = VERSION
    answer.headers.update(closing(request))
    return answer


def check_tus(request: Request[Any, Any, Any]) -> None:
    """Refuse a request of another version, or one that counts on what is not offered.

    Raises:
        UnsupportedTus: it names another version, or none.
        InvalidParameter: it has a field of an extension that is not offered.
    """
    if (given := request.headers.get("tus-resumable")) != VERSION:
        said = "is missing" if given is None else f"is {given[:40]!r}"
        raise UnsupportedTus(f"Tus-Resumable {said}; it must be {VERSION}")
    for name in _NOT_OFFERED:
        if name in request.headers:
            raise InvalidParameter(
                f"{name.title()} is of an extension of tus that is not offered here; "
                f"{_EXTENSIONS.replace(',', ', ')} are"
            )


def has_piece(request: Request[Any, Any, Any]) -> bool:
    """Whether the body is a piece of an upload, by its type."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == _PIECE


def check_piece(request: Request[Any, Any, Any]) -> None:
    """Refuse a body of another type.

    Raises:
        WrongMediaType: it is.
    """
    if not has_piece(request):
        given = request.headers.get("content-type", "")
        raise WrongMediaType(f"Content-Type is {given[:80]!r}; that of a piece must be {_PIECE}")


def number_in(request: Request[Any, Any, Any], name: str) -> int:
    """The number of bytes in a field.

    Raises:
        InvalidParameter: it is missing, or none.
    """
    text = request.headers.get(name)
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        said = "is missing" if text is None else f"is {text[:40]!r}"
        raise InvalidParameter(f"{name.title()} {said}; it must be a number of bytes")
    return int(text)


def read_metadata(text: str) -> dict[str, bytes]:
    """Read ``Upload-Metadata``: names with values in base64, separated by commas.

    Raises:
        InvalidParameter: it is longer than what is kept, or malformed.
    """
    if len(text) > _METADATA:
        raise InvalidParameter(
            f"Upload-Metadata has {len(text):,} characters; at most {_METADATA:,} are allowed"
        )
    found: dict[str, bytes] = {}
    for pair in text.split(",") if text else ():
        name, _, value = pair.strip(" ").partition(" ")
        if not _NAME.fullmatch(name):
            raise InvalidParameter(
                f"Upload-Metadata has the name {name[:40]!r}; a name is visible ASCII, and "
                "what it names follows in base64, as in: project_id ZGVtbw=="
            )
        if name in found:
            raise InvalidParameter(f"Upload-Metadata has {name[:40]!r} more than once")
        try:
            found[name] = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidParameter(
                f"Upload-Metadata has for {name[:40]!r} what is not base64"
            ) from error
    return found


def text_in(metadata: dict[str, bytes], name: str) -> str:
    """The text of that name; empty where there is none.

    Raises:
        InvalidParameter: it is not UTF-8.
    """
    try:
        return metadata.get(name, b"").decode("utf-8")
    except UnicodeError as error:
        raise InvalidParameter(f"Upload-Metadata has for {name!r} what is not UTF-8") from error
