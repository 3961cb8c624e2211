"""``streamer notify``: a notification to a user, to admins or to everybody, from the shell."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import rich_click as click

from ..config.redacted import message
from ..config.settings import Settings
from ..errors import InvalidInput
from ..events.new_event import new_event
from ..publishing.job_publishing import JobPublishing
from ..publishing.notifications import LEVELS, Level, Notifications
from .command import Command
from .one_event import check_key, way_in
from .options import with_settings

_TO_A_USER: Final = "streamer notify USER TYPE [FIELD=VALUE]..."
_TO_MANY: Final = 'streamer notify --all "TEXT"'


@click.command(cls=Command)
@click.argument("words", nargs=-1, metavar="USER TYPE [FIELD=VALUE]... | TEXT")
@click.option("--all", "to_all", is_flag=True, help="Tell TEXT to everybody.")
@click.option("--admins", "to_admins", is_flag=True, help="Tell TEXT to admins.")
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    help="How grave TEXT is: info (the default), success, warning or error.",
    show_choices=False,
    metavar="LEVEL",
)
@with_settings("redis_url", "data_dir", "prefix", "url", "token")
@click.option("--key", help="Idempotency key: the same key again notifies nobody.")
def notify(
    settings: Settings,
    words: tuple[str, ...],
    level: Level | None,
    key: str | None,
    *,
    to_all: bool,
    to_admins: bool,
) -> None:
    """Notify USER, or with --all or --admins many, and print the notification's id.

    To a USER goes a notification of any TYPE with fields: FIELD=VALUE is a text,
    FIELD:=VALUE is JSON, as in progress:=45. To many goes TEXT, a `system_message`.
    Both are kept in the inbox of whoever is away. They go to the server at --url where
    that is given; else straight into the log: that of --redis-url, or of the `streamer
    run` on the same data directory. The exit code is 0 if it was published, 1 if not,
    2 for a wrong call.

    Example: streamer notify 7 invited by=ada chat=chats/42

    Example: streamer notify --all "Back at 8" --level warning
    """
    check_key(key)
    notifications = Notifications(_Checked())
    try:
        if to_all or to_admins:
            text = _text_of(words, to_all=to_all, to_admins=to_admins)
            checked = notifications.system_message(
                text, level or "info", "all" if to_all else "admin"
            )
        else:
            user, event_type, fields = _read(words, level)
            checked = notifications.notify(user, event_type, **fields)
    except InvalidInput as error:
        raise _wrong(error.detail) from error
    click.echo(way_in(settings)(*checked, key=key))


class _Checked(JobPublishing[tuple[str, str, dict[str, Any]]]):
    """Publishes nothing: it returns what would be, once that is known to be allowed."""

    def publish(
        self,
        topics: str | Iterable[str],
        event_type: str,
        fields: Mapping[str, Any] | None = None,
        **_: Any,  # noqa: ANN401 - none of it is given
    ) -> tuple[str, str, dict[str, Any]]:
        given = dict(fields or {})
        # How large it may be knows only who takes it.
        (topic,) = new_event(topics, event_type, given, max_bytes=sys.maxsize).topics
        return topic, event_type, given


def _text_of(words: Sequence[str], *, to_all: bool, to_admins: bool) -> str:
    if to_all and to_admins:
        raise _wrong("give one of --all and --admins; admins read what is for all")
    if len(words) != 1 or not words[0].strip():
        raise _wrong(
            f"{'--all' if to_all else '--admins'} wants one TEXT, in quotes, and {len(words)} "
            f"words were given: {_TO_MANY}"
        )
    return _utf8("TEXT", words[0])


def _read(words: Sequence[str], level: str | None) -> tuple[str, str, dict[str, Any]]:
    if level is not None:
        raise _wrong("--level goes with --all or --admins; to a USER write level=VALUE")
    if len(words) < 2:  # noqa: PLR2004 - a user and a type
        missing = "TYPE is" if words else "USER and TYPE are"
        raise _wrong(f"{missing} missing: {_TO_A_USER}, or {_TO_MANY}")
    fields: dict[str, Any] = {}
    for word in words[2:]:
        name, value = _field(word)
        if name in fields:
            raise _wrong(f"the field {name!r} is given twice")
        fields[name] = value
    return words[0], words[1], fields


def _field(word: str) -> tuple[str, Any]:
    import msgspec

    name, equals, value = word.partition("=")
    is_json = name.endswith(":")
    name = name.removesuffix(":")
    if not equals or not name:
        raise _wrong(f"{word!r} is no field; write FIELD=VALUE for a text, FIELD:=VALUE for JSON")
    _utf8("FIELD=VALUE", word)
    if not is_json:
        return name, value
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        raise _wrong(
            f"{word!r}: what follows := must be JSON, as in progress:=45; {name}={value} is a text"
        ) from error


def _wrong(text: str) -> click.UsageError:
    """What was wrong, without a password that somebody typed in the wrong place."""
    return click.UsageError(message(text))


def _utf8(what: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _wrong(f"{what} is not UTF-8") from error
    return text
