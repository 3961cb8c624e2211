"""The topics of a log, with what is kept of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from ..access.patterns import ONE, Patterns, check_pattern
from ..errors import InvalidParameter, InvalidTopic
from ..eventlog.base import EventLog, Place
from ..eventlog.upkeep import MAX_AT_ONCE, Holding
from ..events.topic import check_topic
from .answers import KeptTopic, TopicList, held

#: Topics that are looked at for one list.
LOOKED_AT: Final = 10_000
#: Topics in one list.
MAX_LISTED: Final = 1000

Order = Literal["newest", "size"]
ORDERS: Final[tuple[Order, ...]] = ("newest", "size")

_PLACE: Final = re.compile(r"([0-9]{1,15}):(.{1,600})")


class Named:
    """Which topics are meant: a topic and what is below it, or a pattern.

    Args:
        text: a topic, or one in which ``*`` stands for one segment and ``**`` at the end for
            all that follow; None for every topic.

    Raises:
        InvalidTopic: it is neither.

    Attributes:
        prefix: what all of them begin with.
    """

    def __init__(self, text: str | None) -> None:
        self._topic: Final = text
        self._patterns: Final = None if text is None or ONE not in text else Patterns((text,))
        if text is not None:
            check_pattern(text)
        self.prefix: Final = (text or "").partition(ONE)[0]

    def has(self, topic: str) -> bool:
        """Whether `topic` is one of them."""
        if self._patterns is not None:
            return self._patterns.cover(topic)
        return self._topic is None or topic == self._topic or topic.startswith(f"{self._topic}/")


async def list_topics(
    log: EventLog, named: Named, order: Order, limit: int, before: Place | None = None
) -> TopicList:
    """Topics of which anything is kept.

    By ``newest`` those that were published to last come first, and ``next`` is where the next
    list begins, None if this was the last. By ``size`` the largest come first, of the
    `LOOKED_AT` that were published to last; ``whole`` is whether those are all.
    """
    # One more says whether there are any.
    places = list((await log.topics(named.prefix, LOOKED_AT + 1, before)).items())
    is_whole = len(places) <= LOOKED_AT
    places = places[:LOOKED_AT]
    wanted = {topic: at for topic, at in places if named.has(topic)}
    readers = await log.connections(but="")
    found: list[Holding] = []
    for part in in_parts(list(wanted)):
        holdings = await log.upkeep.describe(part)
        found += [holding for holding in holdings if holding.events or holding.parts]
        if order == "newest" and len(found) > limit:
            last = found[limit - 1].topic
            return _answer(found[:limit], readers, f"{wanted[last]}:{last}", is_whole=False)
    if order == "size":
        found.sort(key=lambda holding: (-(holding.bytes or 0), -holding.events, holding.topic))
        is_whole = is_whole and len(found) <= limit
        return _answer(found[:limit], readers, None, is_whole=is_whole)
    end = None if is_whole else f"{places[-1][1]}:{places[-1][0]}"
    return _answer(found, readers, end, is_whole=is_whole)


def place_of(text: str) -> Place:
    """The place that ``next`` of a list says.

    Raises:
        InvalidParameter: it is anything else.
    """
    match = _PLACE.fullmatch(text)
    try:
        if match is not None:
            return int(match[1]), check_topic(match[2])
    except InvalidTopic:
        pass
    raise InvalidParameter(
        f"before is {text[:40]!r}; it must be what `next` of another list says, as it is"
    )


def _answer(
    found: list[Holding], readers: Mapping[str, int], end: str | None, *, is_whole: bool
) -> TopicList:
    topics = [KeptTopic(**held(each, readers.get(each.topic, 0))) for each in found]
    return TopicList(topics, end, is_whole)


def below(topic: str, prefix: str) -> bool:
    """Whether `topic` is of `prefix`, in whole segments."""
    return topic == prefix or topic.startswith(f"{prefix}/")


def in_parts(topics: Sequence[str]) -> list[Sequence[str]]:
    """`topics`, `MAX_AT_ONCE` at a time."""
    return [topics[at : at + MAX_AT_ONCE] for at in range(0, len(topics), MAX_AT_ONCE)]


async def topics_below(log: EventLog, prefix: str) -> list[str]:
    """All topics of a prefix."""
    found: list[str] = []
    before: Place | None = None
    while True:
        places = list((await log.topics(prefix, LOOKED_AT, before)).items())
        found += [topic for topic, _ in places if below(topic, prefix)]
        if len(places) < LOOKED_AT:
            return found
        topic, at = places[-1]
        before = (at, topic)
