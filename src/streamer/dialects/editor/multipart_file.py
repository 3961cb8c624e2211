"""The one file of a multipart form, as it comes: nothing of it is kept here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from ...errors import InvalidFields

#: Parts of a form, and bytes of one that is not the file: an editor's form has a name or two.
_MAX_PARTS: Final = 16
_MAX_OTHER_BYTES: Final = 16_384
#: Characters of a boundary (RFC 2046, section 5.1.1).
_MAX_BOUNDARY: Final = 70


async def file_in(
    content_type: str, body: AsyncIterator[bytes], field: str
) -> AsyncIterator[bytes]:
    """Yield the bytes of the file in the field of that name, as they come; the rest is dropped.

    The body is read to its end: only then is it known to be whole.

    Raises:
        InvalidFields: it is no multipart form, it is cut off, or it does not have
            the file exactly once.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not 1 <= len(boundary) <= _MAX_BOUNDARY:
        raise InvalidFields(f"the body must be multipart/form-data, with the file as {field!r}")
    form = _Form(field)
    try:
        with PushMultipartParser(boundary, max_segment_count=_MAX_PARTS) as parser:
            async for chunk in body:
                for part in parser.parse(chunk):
                    if data := form.take(part):
                        yield data
    except MultipartError as error:
        raise InvalidFields(f"the form cannot be read: {error}") from error
    if not form.found:
        raise InvalidFields(f"the form has no file {field!r}")


class _Form:
    """Knows the wanted file among the parts of a form.

    Attributes:
        found: whether it has begun.
    """

    def __init__(self, field: str) -> None:
        self._field: Final = field
        self._wanted = False
        self._other_bytes = 0
        self.found = False

    def take(self, part: MultipartSegment | bytes | bytearray | None) -> bytes:
        """Take the head of a part, some of its bytes, or its end; return those of the file.

        Raises:
            InvalidFields: there are two of it, or there is too much else.
        """
        if isinstance(part, MultipartSegment):
            self._wanted = part.name == self._field and part.filename is not None
            if self._wanted and self.found:
                raise InvalidFields(f"the form has the file {self._field!r} more than once")
            self.found = self.found or self._wanted
            return b""
        if part and self._wanted:
            return bytes(part)
        self._other_bytes += len(part or b"")
        if self._other_bytes > _MAX_OTHER_BYTES:
            raise InvalidFields(
                f"the form has more than {_MAX_OTHER_BYTES:,} bytes beside the file {self._field!r}"
            )
        return b""
