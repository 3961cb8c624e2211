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


class FormFile:
    """The file in one field of a form: its name, then its bytes; the rest is dropped.

    Args:
        content_type: of the form.
        body: its bytes, as they come.
        field: the name of the field.

    Raises:
        InvalidFields: it is no multipart form.
    """

    def __init__(self, content_type: str, body: AsyncIterator[bytes], field: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get("boundary", "")
        if kind != "multipart/form-data" or not 1 <= len(boundary) <= _MAX_BOUNDARY:
            raise InvalidFields(f"the body must be multipart/form-data, with the file as {field!r}")
        self._form: Final = _Form(field)
        self._parts: Final = self._read(boundary, body)

    async def name(self) -> str:
        """What the client calls the file; comes before its bytes.

        Raises:
            InvalidFields: the form cannot be read, or does not have the file.
        """
        while not self._form.found:
            await anext(self._parts)
        return self._form.filename

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the file as they come.

        The body is read to its end: only then is it known to be whole.

        Raises:
            InvalidFields: the form cannot be read, is cut off, or does not have the file
                exactly once.
        """
        async for data in self._parts:
            if data:
                yield data

    async def _read(self, boundary: str, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield after each part of a chunk; an empty one where it has none of the file."""
        form = self._form
        try:
            with PushMultipartParser(boundary, max_segment_count=_MAX_PARTS) as parser:
                async for chunk in body:
                    for part in parser.parse(chunk):
                        yield form.take(part)
        except MultipartError as error:
            raise InvalidFields(f"the form cannot be read: {error}") from error
        if not form.found:
            raise InvalidFields(f"the form has no file {form.field!r}")


class _Form:
    """Knows the wanted file among the parts of a form.

    Attributes:
        field: its name.
        found: whether it has begun.
        filename: what the client calls it.
    """

    def __init__(self, field: str) -> None:
        self.field: Final = field
        self._wanted = False
        self._other_bytes = 0
        self.found = False
        self.filename = ""

    def take(self, part: MultipartSegment | bytes | bytearray | None) -> bytes:
        """Take the head of a part, some of its bytes, or its end; return those of the file.

        Raises:
            InvalidFields: there are two of it, or there is too much else.
        """
        if isinstance(part, MultipartSegment):
            self._wanted = part.name == self.field and part.filename is not None
            if self._wanted and self.found:
                raise InvalidFields(f"the form has the file {self.field!r} more than once")
            if self._wanted:
                self.found, self.filename = True, part.filename
            return b""
        if part and self._wanted:
            return bytes(part)
        self._other_bytes += len(part or b"")
        if self._other_bytes > _MAX_OTHER_BYTES:
            raise InvalidFields(
                f"the form has more than {_MAX_OTHER_BYTES:,} bytes beside the file {self.field!r}"
            )
        return b""
