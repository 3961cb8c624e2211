"""What of a job's update can be published: what cannot is named, and the rest is kept."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..errors import StreamerError
from ..events.job_event import round_progress
from ..events.json_line import encode_line
from ..events.new_event import MAX_DEPTH, check_depth

#: Bytes of an event that its topics, names and numbers take, at most.
_ENVELOPE_BYTES: Final = 2048
#: Bytes of JSON that one character of a text takes, at most: ``\u0000``.
_CHARACTER_BYTES: Final = 6
#: Bytes that a line of a log takes beside its text, about: its level, time and source.
_LINE_BYTES: Final = 200
#: Fields, and letters of each, of metadata that surely fits.
_MAX_PLAIN: Final = 16
_PLAIN_LETTERS: Final = 64
_PLAIN: Final[dict[type, Callable[[Any], bool]]] = {
    str: lambda text: text.isascii() and len(text) <= _PLAIN_LETTERS,
    int: lambda number: -(2**53) < number < 2**53,
    float: math.isfinite,
    bool: lambda _: True,
    type(None): lambda _: True,
}
#: What stands where a text was cut.
_CUT: Final = "..."

#: An update without metadata.
NO_METADATA: Final = b"{}"
#: Bytes of JSON of one line of a job's log, at most; it is cut.
MAX_LINE_BYTES: Final = 4000
#: Bytes of JSON of a checkpoint, at most: it is kept beside the log, one for each job.
MAX_CHECKPOINT_BYTES: Final = 64 * 1024


class Checker:
    """Checks the parts of an update, each alike whether or not it will be sent.

    Every method returns what can be published, and a sentence that says what could
    not and what is allowed, or None. None raises: a job must not fail because of
    what it reports.

    Args:
        max_bytes: largest body of one event.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes: Final = max_bytes
        #: Bytes that what is told may have, beside what is around it.
        self.room: Final = max(max_bytes - _ENVELOPE_BYTES, max_bytes // 2)

    def fraction(self, value: object) -> tuple[float | None, str | None]:
        """A number from 0.0 to 1.0; what rounding made of these two is them."""
        problem = f"progress is {reprlib.repr(value)}; it must be a number from 0.0 to 1.0"
        if isinstance(value, str | bytes | bytearray):
            return None, problem  # `float` would read it, and no other publisher does
        try:
            number = round_progress(float(value))  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001 - of a foreign type; it is reported
            return None, problem
        # Written so that NaN, which compares false with everything, is refused.
        return (number, None) if 0.0 <= number <= 1.0 else (None, problem)

    def message(self, value: object) -> tuple[str | None, str | None]:
        """A text, without what UTF-8 cannot say, cut to half of an event."""
        if value is None:
            return None, None
        problem = None
        if not isinstance(value, str):
            problem = f"the message is {reprlib.repr(value)}; it must be text"
            try:
                value = str(value)
            except Exception:  # noqa: BLE001 - of a foreign type; it is reported
                return None, problem
        limit = self.room // 2
        if value.isascii() and len(value) * _CHARACTER_BYTES <= limit:
            return value, problem
        text = _without_surrogates(value)
        if text != value:
            problem = "the message has lone surrogates, replaced by '?'; it must be Unicode text"
        if _size(text) > limit:
            problem = f"the message is cut; as JSON it may have {limit} bytes"
        return cut(text, limit), problem

    def is_plain(self, metadata: Mapping[str, object]) -> bool:
        """Whether there is nothing to check: a few numbers and short texts, fit as they are."""
        return len(metadata) <= _MAX_PLAIN and all(
            name.isascii()
            and len(name) <= _PLAIN_LETTERS
            and type(value) in _PLAIN
            # Of what is not among these nothing is asked: it may be of any type.
            and _PLAIN[type(value)](value)
            for name, value in metadata.items()
        )

    def metadata(
        self, given: Mapping[str, object], message: str | None
    ) -> tuple[bytes, str | None]:
        """One line of JSON of what fits beside `message`."""
        if not given:
            return NO_METADATA, None
        limit = self.room - (0 if message is None else _size(message))
        try:
            line = _encode(given)
        except Exception:  # noqa: BLE001 - of a foreign type; it is reported below
            line = b""
        if line and len(line) <= limit:
            return line, None
        return _what_can_be_published(given, limit)

    def line(self, value: object) -> tuple[str, int]:
        """A line of a log, cut, and how many bytes of JSON it has; any object as its text."""
        try:
            text = value if isinstance(value, str) else str(value)
        except Exception as error:  # noqa: BLE001 - of a foreign type; it is reported
            text = f"(a line that cannot be read: {type(error).__name__})"
        if len(text) * 2 <= MAX_LINE_BYTES and text.isascii() and text.isprintable():
            return text, 2 * len(text) + _LINE_BYTES  # a quote is two bytes
        if not (text.isascii() and len(text) * _CHARACTER_BYTES <= MAX_LINE_BYTES):
            text = cut(_without_surrogates(text), MAX_LINE_BYTES)
        return text, _size(text) + _LINE_BYTES

    def result(self, value: object) -> tuple[bytes, str | None]:
        """Any JSON that fits into an event; empty if it does not."""
        return _json(value, self.room, "the partial result")

    def checkpoint(self, value: object) -> tuple[bytes, str | None]:
        """Any JSON that can be kept; empty if it cannot."""
        return _json(value, MAX_CHECKPOINT_BYTES, "the checkpoint")


def _json(value: object, limit: int, what: str) -> tuple[bytes, str | None]:
    try:
        line = encode_line(value)
        if line.count(b"{") + line.count(b"[") >= MAX_DEPTH:
            check_depth({"value": value})
    except StreamerError as error:
        return b"", f"{what} is left out: {error}"
    except Exception as error:  # noqa: BLE001 - of a foreign type; it is reported
        return b"", f"{what} is left out: it raises {type(error).__name__}"
    if len(line) > limit:
        return b"", f"{what} is left out: it has {len(line)} bytes; {limit} are allowed"
    return line, None


def cut(text: str, limit: int) -> str:
    """`text`, or as much of its beginning as has `limit` bytes of JSON."""
    while (size := _size(text)) > limit and text != _CUT:
        kept = min(len(text) - len(_CUT) - 1, len(text) * limit // size - len(_CUT))
        text = text[: max(0, kept)] + _CUT
    return text


def text_of(error: BaseException | None, limit: int) -> str:
    """What an exception says, in `limit` characters, whatever its ``__str__`` does."""
    if error is None:
        return "the job failed"
    name = type(error).__name__
    try:
        text = str(error)
    except Exception as broken:  # noqa: BLE001 - of a foreign type; it is reported
        text = f"{name} (its text cannot be read: {type(broken).__name__})"
    # A file's name may hold what UTF-8 cannot say, and an OSError its name.
    text = _without_surrogates(text) or name
    return text if len(text) <= limit else text[: limit - len(_CUT)] + _CUT


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _size(text: str) -> int:
    return len(encode_line(text))


def _encode(metadata: Mapping[str, object]) -> bytes:
    check_depth({"metadata": metadata})
    return encode_line(dict(metadata))


def _what_can_be_published(given: Mapping[str, object], limit: int) -> tuple[bytes, str]:
    kept: dict[str, Any] = {}
    problems: list[str] = []
    room = limit - len(NO_METADATA)
    for key, value in given.items():
        name = _without_surrogates(key)
        try:
            check_depth({"metadata": {name: value}})
            clean = _cleaned(value)
            size = len(_encode({name: clean}))
        except StreamerError as error:
            problems.append(f"{name!r} is left out: {error}")
            continue
        except Exception as error:  # noqa: BLE001 - of a foreign type; it is reported
            problems.append(f"{name!r} is left out: it raises {type(error).__name__}")
            continue
        if size > room:
            problems.append(f"{name!r} is left out: an update may have {limit} bytes of metadata")
            continue
        room -= size
        kept[name] = clean
    if not problems:
        problems.append("lone surrogates are replaced by '?'")
    return _encode(kept), (
        f"of the metadata, {'; '.join(problems[:5])}; "
        f"metadata must be JSON, at most {MAX_DEPTH} deep"
    )


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return _without_surrogates(value)
    if isinstance(value, Mapping):
        return {_cleaned(name): _cleaned(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner) for inner in value]
    return value
