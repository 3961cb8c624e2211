"""Everybody at work on one stage: readers, publishers, and a crowd that comes and leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from streamer.events.cursor import Cursor

from .fault_bystanders import Bystander
from .fault_census import counted, counted_everywhere, let_in
from .fault_leavers import Leavers
from .fault_publishers import FaultPublisher, HttpPublisher
from .fault_readers import FaultReader, Poller
from .fault_several import Herald, SeveralReader
from .verdict import Verdict, judge
from .waiting import DEADLINE, wait_until

if TYPE_CHECKING:
    from .fault_stage import Stage

#: Readers that one address may have where there is a crowd, for its limit to be met.
CROWD_LIMIT: Final = 48


@dataclass(frozen=True)
class Crowd:
    """Who else is there: clients that leave at any moment, and two that hear nothing."""

    leavers: Leavers
    bystanders: list[Bystander]


class Load:
    """Readers of every kind and publishers of every kind, at work on one topic."""

    def __init__(
        self, stage: Stage, readers: list[FaultReader], publishers: list[FaultPublisher]
    ) -> None:
        self.stage: Final = stage
        self.readers: Final = readers
        self.publishers: Final = publishers
        self.crowd: Crowd | None = None
        #: Whether the log must still have all that was acknowledged.
        self.keeps_all = stage.keeps_all

    @property
    def http(self) -> list[HttpPublisher]:
        """The publishers over HTTP."""
        return [p for p in self.publishers if isinstance(p, HttpPublisher)]

    def is_well(self) -> bool:
        """Return True, or raise what anybody found wrong by itself."""
        return all(one.is_well() for one in self._everybody())

    def _everybody(self) -> Iterator[FaultReader | FaultPublisher | Leavers | Bystander]:
        yield from self.readers
        yield from self.publishers
        if self.crowd is not None:
            yield self.crowd.leavers
            yield from self.crowd.bystanders

    async def flows(self, count: int = 5, *, deadline: float = DEADLINE) -> None:
        """Wait until every reader has seen `count` more events."""
        counts = [len(reader.seen) for reader in self.readers]

        def all_have() -> bool:
            pairs = zip(self.readers, counts, strict=True)
            return all(len(r.seen) >= was + count for r, was in pairs)

        await self.waits(all_have, "not everybody was served", deadline=deadline)

    async def refused(self) -> str:
        """Wait until every publisher over HTTP is refused; return what the last was told."""
        counts = [len(publisher.refusals) for publisher in self.http]
        await self.waits(
            lambda: all(len(p.refusals) > was for p, was in zip(self.http, counts, strict=True)),
            "publishers were never refused",
        )
        return self.http[-1].refusals[-1]

    async def stores(self, count: int) -> None:
        """Wait until `count` more events were acknowledged, whoever reads them."""

        def number() -> int:
            return sum(len(publisher.stored) for publisher in self.publishers)

        was = number()
        await self.waits(lambda: number() >= was + count, f"{count} events were not stored")

    async def waits(
        self, condition: Callable[[], bool], what: str, *, deadline: float = DEADLINE
    ) -> None:
        """Wait until `condition` is true, while every reader and every publisher is well."""
        try:
            await wait_until(lambda: self.is_well() and condition(), what, deadline=deadline)
        except AssertionError as error:
            for one in self._everybody():
                error.add_note(str(one))
            raise

    async def settle(self, *, keeps_all: bool = True) -> Verdict:
        """Let the publishers finish, the readers reach the head, and judge."""
        heralds = [one for one in self.publishers if isinstance(one, Herald)]
        for publisher in self.publishers:
            if publisher not in heralds:
                await publisher.finish()
        for herald in heralds:
            await self._gather(herald)
            await herald.finish()
        heads = {topic: await self.last_id(topic) for topic in self.topics}
        for reader in self.readers:
            await reader.reach(max(heads[topic] for topic in reader.topics))
        verdict = Verdict()
        for topic in self.topics:
            readers = [one for one in self.readers if topic in one.topics]
            verdict.add(
                await judge(self.stage.log, topic, readers, self.publishers, keeps_all=keeps_all)
            )
        verdict.check()
        if self.crowd is not None:
            await self.count(self.crowd)
        return verdict

    @property
    def topics(self) -> list[str]:
        """All that anybody reads here and publishes to."""
        return list(dict.fromkeys(topic for one in self.readers for topic in one.topics))

    async def _gather(self, herald: Herald) -> None:
        """Have all who change their topics rest, with all that came until then."""
        several = [one for one in self.readers if isinstance(one, SeveralReader)]
        for reader in several:
            reader.rest()
        await self.waits(
            lambda: not any(one.places.missing for one in several), "not all came back"
        )
        last = herald.next
        await self.waits(
            lambda: any(
                number > last and all(one.places.have_all(id_) for one in several)
                for number, id_ in herald.stored.items()
                if id_ is not None
            ),
            "nobody gave all that was published before",
        )

    async def count(self, crowd: Crowd, *, deadline: float = DEADLINE) -> None:
        """Compare the server's count with who is there, when those who left are gone."""
        await crowd.leavers.stop()
        # Clients that gave up a dead line have left it as dead as it was.
        self.stage.client_line.release()
        await self.waits(lambda: all(one.beats for one in crowd.bystanders), "no heartbeat came")

        def there() -> Counter[str]:
            live = [one for one in self.readers if one.live and not isinstance(one, Poller)]
            counts = Counter(topic for one in live for topic in one.subscribed)
            counts.update(one.topic for one in crowd.bystanders if one.connected)
            return counts

        url = self.stage.server.url

        async def agree() -> bool:
            return await counted(url) == there().total()

        async def agree_everywhere() -> bool:
            projects = {
                f"projects/{name}": n for name, n in (await counted_everywhere(url)).items()
            }
            return projects == there()

        try:
            await wait_until(agree, "the server counts others than are there", deadline=deadline)
            spare = CROWD_LIMIT - len(self.readers) - len(crowd.bystanders)
            assert await let_in(self.stage.server.port, spare) == spare, "limits were not free"
            await wait_until(agree, "the server counts who has left", deadline=deadline)
            if self.stage.long:
                # The log forgets a killed process after 15 s, and not before.
                await wait_until(agree_everywhere, "there were ghost readers")
        except AssertionError as error:
            error.add_note(f"there: {there()}")
            error.add_note(f"counted: {await counted(url)}, {await counted_everywhere(url)}")
            raise

    async def last_id(self, topic: str | None = None) -> Cursor:
        """The id of the last event of `topic`, by default the load's own."""
        with self.stage.redis.client() as client:
            key = self.stage.stream_key_of(topic or self.stage.topic)
            entries: Any = client.xrevrange(key, count=1)
        assert entries, "nothing was published"
        return Cursor.parse(entries[0][0].decode())
