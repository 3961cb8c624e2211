"""One setting: how its text is read, what is allowed, and how that is put into words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import msgspec
from msgspec import Meta

from ..errors import StreamerError
from ..events.topic import check_topic
from .redacted import HIDDEN
from .retention import MAX_RETENTION_AGE, MAX_RETENTION_LENGTH, Retention
from .unread import Counted

PREFIX: Final = "STREAMER_"

#: Characters of a value that an error quotes: enough to find it again.
_LONGEST_SHOWN: Final = 200


class InvalidSetting(ValueError):
    """A setting that cannot be used; shown to whoever starts the process, never to a client."""


class Setting(NamedTuple):
    """One setting as `from_env`, ``--help`` and ``streamer check`` see it.

    Attributes:
        name: the field of `Settings`.
        annotated: its type with its `msgspec.Meta`: limits and a line of help.
        default: the text of its default; empty if there is none.
    """

    name: str
    annotated: Any
    default: str

    @property
    def type(self) -> Any:  # noqa: ANN401 - a type, or a generic alias
        """Its type, without None for one that may be unset."""
        return get_args(self.annotated)[0]

    @property
    def meta(self) -> Meta:
        """Its limits and its line of help."""
        meta: Meta = get_args(self.annotated)[1]
        return meta

    @property
    def variable(self) -> str:
        """The environment variable: ``STREAMER_PORT`` for ``port``."""
        return PREFIX + self.name.upper()

    @property
    def is_secret(self) -> bool:
        """Whether it may hold a password or a key, and so may be kept in a file."""
        return bool((self.meta.extra or {}).get("secret"))

    @property
    def file_variable(self) -> str:
        """The variable that names that file: ``STREAMER_AUTH_SECRET_FILE``."""
        return f"{self.variable}_FILE"

    @property
    def unit(self) -> str | None:
        """``seconds``, ``milliseconds``, ``bytes``, or None."""
        return (self.meta.extra or {}).get("unit")

    @property
    def help(self) -> str:
        """One line, with the unit."""
        description = self.meta.description or ""
        return f"{description} In {self.unit}." if self.unit else description

    def check(self, value: Any, called: str | None = None) -> Any:  # noqa: ANN401
        """Return `value`, text or already of the field's type, as the field's type.

        `called` is what an error calls it, if not its variable: ``--port``.

        Raises:
            InvalidSetting: it is malformed, or outside the limits.
        """
        parse = _PARSERS[self.type]
        try:
            parsed = parse(value, self) if isinstance(value, str) else value
            if further := (self.meta.extra or {}).get("check"):
                further(parsed)
            return msgspec.convert(parsed, self.annotated, dec_hook=_as_it_is)
        except (ValueError, StreamerError, OverflowError) as error:
            problem, shown = getattr(error, "problem", None), self.shown(str(value))
            if len(shown) > _LONGEST_SHOWN:
                shown = f"{shown[:_LONGEST_SHOWN]}…"
            message = (
                f"{called or self.variable} is {shown!r}; "
                f"it must be {self.allowed}{f' ({problem})' if problem else ''}"
            )
            # Not chained: a parser's message may quote a password.
            raise InvalidSetting(message) from None

    @property
    def allowed(self) -> str:
        """What `check` takes, in words: "a whole number from 0 to 65535"."""
        if allowed := (self.meta.extra or {}).get("allowed"):
            return str(allowed)
        if self.type is Path:
            return "the path of a directory"
        low, high = self.meta.ge, self.meta.le
        limits = "" if high is None else f", at most {high}"
        if low is not None:
            limits = f", at least {low}" if high is None else f" from {low} to {high}"
        unit = f" of {self.unit}" if self.unit else ""
        if self.type is bool:
            return "true or false"
        if self.type is int:
            return f"a whole number{unit}{limits}"
        if self.type is float:
            return f"a number{unit}{limits}, or one with a unit: s, m, h, d, as in 7d"
        return "text"

    def shown(self, text: str) -> str:
        """`text`, its value in the variable's form, as it may be shown to anybody."""
        hide: Callable[[str], str] | None = (self.meta.extra or {}).get("shown")
        if hide is not None:
            return hide(text)
        # A URL that was put into the wrong variable.
        if ("@" in text and self.type is not Path) or (
            "://" in text and self.type != tuple[str, ...]
        ):
            return HIDDEN
        return text

    def text(self, value: Any) -> str:  # noqa: ANN401 - the field's own type
        """`value` in the variable's own form; `check` reads it back."""
        match value:
            case None:
                return ""
            case bool():
                return str(value).lower()
            case dict():
                return ",".join(f"{prefix}={_rule(rule)}" for prefix, rule in value.items())
            case tuple():
                return ",".join(value)
            case float():
                return _plain(value)
            case _:
                return str(value)


_TIME: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?)\s*([smhd]?)")
_SECONDS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WHOLE: Final = re.compile(r"-?[0-9]+")


def _rule(rule: Retention | Counted) -> str:
    if isinstance(rule, Counted):
        return str(rule)
    return f"{rule.max_length}:{_plain(rule.max_age)}"


def _plain(number: float) -> str:
    # In full: a child process reads it back and must get the same.
    return repr(number).removesuffix(".0")


def _whole(text: str, _: Setting) -> int:
    # int() would also take "1_000", " 7 " and other scripts' digits.
    if _WHOLE.fullmatch(text) is None:
        raise ValueError(text)
    return int(text)


def read_seconds(text: str, _: Setting | None = None) -> float:
    """`text` as seconds: a number, and its unit ``s``, ``m``, ``h`` or ``d`` if it has one.

    Raises:
        ValueError: it is anything else.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    seconds = float(match[1]) * _SECONDS[match[2]]
    if not math.isfinite(seconds):  # hundreds of digits
        raise ValueError(text)
    return seconds


def _path(text: str, _: Setting) -> Path:
    # An empty one would be the directory that the process happens to be in.
    if not text.strip() or "\0" in text or "://" in text:
        raise ValueError(text)
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:  # ~nobody
        raise ValueError(text) from error


def _retention(text: str, _: Setting) -> dict[str, Retention]:
    rules: dict[str, Retention] = {}
    for rule in text.split(","):
        prefix, equals, kept = rule.strip().partition("=")
        length, colon, age = kept.partition(":")
        if not (prefix and equals and colon and length.isascii() and length.isdigit()):
            raise ValueError(rule)
        seconds = read_seconds(age)
        if not (1 <= int(length) <= MAX_RETENTION_LENGTH and 1 <= seconds <= MAX_RETENTION_AGE):
            raise ValueError(rule)
        rules[check_topic(prefix)] = Retention(int(length), seconds)
    return rules


def _unread(text: str, _: Setting) -> dict[str, Counted]:
    rules: dict[str, Counted] = {}
    for rule in text.split(","):
        prefix, equals, listed = rule.strip().partition("=")
        if not (prefix and equals):
            raise ValueError(rule)
        rules[check_topic(prefix)] = Counted.read(listed)
    return rules


def _yes_or_no(text: str, _: Setting) -> bool:
    if text.lower() not in {"true", "1", "false", "0"}:
        raise ValueError(text)
    return text.lower() in {"true", "1"}


def _listed(text: str, _: Setting) -> tuple[str, ...]:
    items = tuple(item for item in (part.strip() for part in text.split(",")) if item)
    if not items:
        raise ValueError(text)
    return items


_PARSERS: Final[dict[Any, Callable[[str, Setting], Any]]] = {
    bool: _yes_or_no,
    int: _whole,
    float: read_seconds,
    str: lambda text, _: text,
    Path: _path,
    dict[str, Retention]: _retention,
    dict[str, Counted]: _unread,
    tuple[str, ...]: _listed,
}


def _as_it_is(wanted: type, value: Any) -> Any:  # noqa: ANN401 - msgspec's own hook
    if isinstance(value, wanted):
        return value
    raise ValueError(value)
