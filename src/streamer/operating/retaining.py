"""What is kept of the topics of a prefix, set by hand."""

from __future__ import annotations

from ..config.retention import MAX_RETENTION_AGE, MAX_RETENTION_LENGTH, Retention
from ..errors import InvalidFields, NotFound
from ..eventlog.base import EventLog
from .answers import Retained, Rule, RuleList, rule
from .topics import in_parts, topics_below


async def rules_of(log: EventLog) -> RuleList:
    """What is kept, by prefix, and who has said so; the last is of all others."""
    await log.rules.look()
    rules = log.rules.current
    named = [
        rule(prefix, kept, by_hand=prefix in rules.set)
        for prefix, kept in sorted(rules.retention.prefixes.items())
    ]
    return RuleList([*named, rule("", rules.retention.default, by_hand=False)])


async def retain(log: EventLog, prefix: str, length: int | None, age: float | None) -> Retained:
    """Keep so many events of the topics of `prefix`, and for so many seconds at rest.

    What is not given stays as it is for that prefix. It holds at once: what is too much is
    removed.

    Raises:
        InvalidFields: neither is given, or one is out of range.
        TooManyRules: it is set for as many prefixes as may be.
    """
    if length is None and age is None:
        raise InvalidFields("give a length, an age, or both")
    if length is not None and not 1 <= length <= MAX_RETENTION_LENGTH:
        raise InvalidFields(f"length must be from 1 to {MAX_RETENTION_LENGTH} events")
    if age is not None and not 1 <= age <= MAX_RETENTION_AGE:
        raise InvalidFields(f"age must be from 1 to {MAX_RETENTION_AGE} seconds")
    await log.rules.look()
    now = log.rules.current.retention.of(prefix)
    kept = Retention(
        now.max_length if length is None else length, now.max_age if age is None else float(age)
    )
    await log.rules.retain(prefix, kept)
    return await _trimmed(log, rule(prefix, kept, by_hand=True))


async def release(log: EventLog, prefix: str) -> Retained:
    """Keep again of the topics of `prefix` what the settings of the servers say.

    Raises:
        NotFound: nothing was set for it by hand.
    """
    await log.rules.look()
    if prefix not in log.rules.current.set:
        raise NotFound(f"what is kept of {prefix} was not set by hand")
    await log.rules.retain(prefix, None)
    rules = log.rules.current
    now = rules.retention.prefix_of(prefix)
    held = rule(prefix, rules.retention.of(prefix), by_hand=now in rules.set)
    return await _trimmed(log, held)


async def _trimmed(log: EventLog, held: Rule) -> Retained:
    parts = in_parts(await topics_below(log, held.prefix or ""))
    removed = sum([await log.upkeep.trim(part) for part in parts])
    return Retained(held.prefix, held.length, held.age, held.set_by, removed)
