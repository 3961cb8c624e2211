"""``streamer retain``: how much of topics is kept, set in the log itself."""

from __future__ import annotations

import sys
from typing import Any, Final

import rich_click as click

from ..config.reading import read_seconds
from ..config.redacted import message
from ..config.retention import MAX_RETENTION_AGE, MAX_RETENTION_LENGTH, Retention, RetentionPolicy
from ..config.settings import Settings
from ..errors import StreamerError
from ..events.topic import check_topic
from .amounts import exactly, number
from .command import Command
from .operating_way import WHERE, OperatingWay, or_fail
from .options import with_settings
from .plain import plain

_BY: Final = {"hand": "set by hand", "settings": "the servers' settings"}


class _Age(click.ParamType):  # type: ignore[type-arg] # at runtime it has none
    name = "age"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:  # noqa: ANN401 - click's own
        """Read ``7d``, ``12h``, ``90``."""
        try:
            seconds = value if isinstance(value, float) else read_seconds(value)
        except ValueError:
            seconds = 0.0
        if not 1 <= seconds <= MAX_RETENTION_AGE:
            self.fail("must be a time, at least a second, as in 90s, 12h or 7d", param, ctx)
        return float(seconds)


@click.command(cls=Command)
@click.argument("topic", required=False, metavar="[TOPIC]")
@click.option(
    "--length",
    type=click.IntRange(1, MAX_RETENTION_LENGTH),
    metavar="N",
    help="Newest events kept of each topic.",
)
@click.option(
    "--age", type=_Age(), metavar="AGE", help="How long a topic at rest is kept: 12h, 7d."
)
@click.option("--remove", is_flag=True, help="Keep again what the servers' settings say.")
@click.option("--json", "as_json", is_flag=True, help="JSON, a line for each rule.")
@with_settings(*WHERE)
def retain(
    settings: Settings,
    topic: str | None,
    length: int | None,
    age: float | None,
    *,
    remove: bool,
    as_json: bool,
) -> None:
    """Set how much is kept of TOPIC and all below it, or show how much is kept of what.

    It is kept in the log itself, wins over STREAMER_RETENTION of every server, and holds for
    all processes at once. What is too much is removed now; whoever had not read it receives a
    gap. Of several rules the longest counts. The exit code is 0 if it was done, 1 if not, 2
    for a wrong call.

    Example: streamer retain projects --length 500 --age 7d
    """
    is_set = length is not None or age is not None
    if is_set and remove:
        raise click.UsageError("--remove is for itself; it keeps again what the settings say")
    if topic is None and (is_set or remove):
        raise click.UsageError("name a topic, or the beginning of topics, such as projects")
    if topic is not None:
        try:
            check_topic(topic)
        except StreamerError as error:
            raise click.UsageError(message(error.detail)) from error
    way = OperatingWay(settings)
    if topic is None or not (is_set or remove):
        listed = or_fail(way.rules)["rules"]
        _show(listed if topic is None else [_rule_of(topic, listed)], as_json=as_json)
        return
    named, kept = topic, {"length": length, "age": age}
    wanted = None if remove else {name: value for name, value in kept.items() if value is not None}
    found = or_fail(lambda: way.retain(named, wanted))
    if as_json:
        _show([found], as_json=True)
        return
    click.echo(f"{plain(named)}: {_amount(found)} from now on ({_BY[found['set_by']]})")
    if found["trimmed"]:
        click.echo(f"{number(found['trimmed'])} events were removed", err=True)


def _show(rules: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        import msgspec

        for rule in rules:
            sys.stdout.buffer.write(msgspec.json.encode(rule) + b"\n")
        return
    widest = max(len(_name(rule)) for rule in rules)
    for rule in rules:
        click.echo(f"{_name(rule):{widest}}  {_amount(rule)} ({_BY[rule['set_by']]})")


def _rule_of(topic: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    """The rule that applies to a topic."""
    by_prefix = {rule["prefix"]: rule for rule in rules}
    named = [prefix for prefix in by_prefix if prefix is not None]
    return by_prefix[
        RetentionPolicy(None, dict.fromkeys(named, Retention())).prefix_of(topic) or None
    ]


def _name(rule: dict[str, Any]) -> str:
    return plain(rule["prefix"]) if rule["prefix"] else "all others"


def _amount(rule: dict[str, Any]) -> str:
    return f"{number(rule['length'])} events, {exactly(rule['age'])} at rest"
