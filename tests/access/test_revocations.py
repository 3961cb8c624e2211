"""A process knows what was revoked anywhere, whatever becomes of the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import pytest

from streamer.access.grants import Grants
from streamer.access.revocations import LOOK_INTERVAL, Revocations
from streamer.errors import AuthUnavailable, LogUnavailable
from streamer.eventlog.access import REVOKED_FOR, Revocation
from streamer.eventlog.memory.access import MemoryAccess
from support.servers import FakeClock
from support.turning import TurningLoop

ANN = Grants("ann", token_id="a", issued=1.0)
BOB = Grants("bob", token_id="b", issued=1.0)


class Kept(MemoryAccess):
    """A log that may be away, and that counts how often it is asked."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.is_away = False
        self.asked = 0
        self.read = 0

    async def revision(self) -> str:
        self.asked += 1
        self._fail_if_away()
        return await super().revision()

    async def revocations(self) -> tuple[str, list[Revocation]]:
        self.read += 1
        self._fail_if_away()
        return await super().revocations()

    async def revoke(self, revocations: Sequence[Revocation]) -> None:
        self._fail_if_away()
        await super().revoke(revocations)

    def lose(self) -> None:
        """As a flush does."""
        self._revoked = {}
        self._revision += 1

    def _fail_if_away(self) -> None:
        if self.is_away:
            raise LogUnavailable("away")


class Process:
    """One that looks at what is kept."""

    def __init__(self, loop: TurningLoop, kept: Kept, clock: FakeClock) -> None:
        self.changes = 0
        self.revocations = Revocations(kept, self._note, clock=lambda: clock() / 1000)
        self.task = loop.create_task(self.revocations.run())

    def _note(self) -> None:
        self.changes += 1


class Several:
    def __init__(self) -> None:
        self.loop = TurningLoop()
        self.clock = FakeClock()
        self.kept = Kept(self.clock)
        self.processes: list[Process] = []

    def start(self) -> Process:
        self.processes.append(Process(self.loop, self.kept, self.clock))
        self.loop.turn(3)
        return self.processes[-1]

    def pass_seconds(self, seconds: float) -> None:
        for _ in range(int(seconds * 10)):
            self.clock.advance(100)
            self.loop.advance(0.1)


@pytest.fixture
def several() -> Iterator[Several]:
    found = Several()
    yield found
    for process in found.processes:
        process.task.cancel()
    found.loop.finish()
    assert found.loop.faults == []


def test_what_one_process_revokes_all_know_within_a_second(several: Several) -> None:
    first, second = several.start(), several.start()
    several.loop.run(first.revocations.revoke("sub", "ann"))
    assert first.revocations.is_revoked(ANN)
    assert not second.revocations.is_revoked(ANN)
    several.pass_seconds(2 * LOOK_INTERVAL)
    assert second.revocations.is_revoked(ANN)
    assert not second.revocations.is_revoked(BOB)
    assert (first.changes, second.changes) == (2, 2), "at first, and once more"


def test_a_process_that_begins_knows_what_was_revoked_before(several: Several) -> None:
    several.loop.run(several.start().revocations.revoke("jti", "a"))
    later = several.start()
    assert later.revocations.are_known
    assert later.revocations.is_revoked(ANN)


def test_all_is_read_only_when_it_has_changed(several: Several) -> None:
    process = several.start()
    several.pass_seconds(10.0)
    assert several.kept.asked >= 20
    assert several.kept.read == 1
    several.loop.run(process.revocations.revoke("jti", "a"))
    several.pass_seconds(10.0)
    assert several.kept.read == 2


def test_nobody_is_let_in_before_it_is_known_who_was_revoked(several: Several) -> None:
    """A log that is away when a process begins: nothing of it can be read then either."""
    several.kept.is_away = True
    process = several.start()
    with pytest.raises(AuthUnavailable):
        process.revocations.is_revoked(ANN)
    several.kept.is_away = False
    several.pass_seconds(1.1)
    assert not process.revocations.is_revoked(ANN)
    assert process.changes == 1


def test_while_the_log_is_away_what_is_known_holds(several: Several) -> None:
    process = several.start()
    several.loop.run(process.revocations.revoke("jti", "a"))
    several.kept.is_away = True
    with pytest.raises(LogUnavailable):
        several.loop.run(process.revocations.revoke("jti", "b"))
    asked = several.kept.asked
    several.pass_seconds(60.0)
    assert several.kept.asked - asked <= 90, "it is asked less often"
    assert process.revocations.is_revoked(ANN)
    assert not process.revocations.is_revoked(BOB), "what is not stored is not revoked"
    several.kept.is_away = False
    several.loop.run(several.kept.revoke([Revocation("jti", "b", 2e9)]))
    several.pass_seconds(1.1)
    assert process.revocations.is_revoked(BOB)


def test_what_the_log_has_lost_is_told_to_it_again(several: Several) -> None:
    """And so to a process that begins afterwards."""
    first, second = several.start(), several.start()
    several.loop.run(first.revocations.revoke("jti", "a"))
    several.loop.run(first.revocations.revoke("sub", "bob"))
    several.pass_seconds(1.0)
    several.kept.lose()
    assert several.loop.run(several.kept.revocations())[1] == []
    several.pass_seconds(2.0)
    later = several.start()
    for process in (first, second, later):
        assert process.revocations.is_revoked(ANN)
        assert process.revocations.is_revoked(BOB)
    asked = several.kept.read
    several.pass_seconds(10.0)
    assert several.kept.read == asked, "they have come to rest"


def test_what_is_lost_before_anybody_looked_is_told_again(several: Several) -> None:
    """The log then looks as it did before."""
    process = several.start()
    before = several.loop.run(several.kept.revision())
    several.loop.run(process.revocations.revoke("jti", "a"))
    several.kept.lose()
    several.kept._revision = int(before)
    several.pass_seconds(2.0)
    assert len(several.loop.run(several.kept.revocations())[1]) == 1


def test_a_log_that_is_away_again_when_it_is_told_is_told_later(several: Several) -> None:
    process = several.start()
    several.loop.run(process.revocations.revoke("jti", "a"))
    several.kept.lose()

    async def fail(revocations: Sequence[Revocation]) -> None:
        raise LogUnavailable(f"away, for {len(revocations)}")

    several.kept.revoke = fail  # type: ignore[method-assign]
    several.pass_seconds(5.0)
    del several.kept.revoke
    several.pass_seconds(2.0)
    assert len(several.loop.run(several.kept.revocations())[1]) == 1


def test_what_is_older_than_any_token_is_forgotten(several: Several) -> None:
    process = several.start()
    several.loop.run(process.revocations.revoke("jti", "a"))
    several.clock.advance(1000 * REVOKED_FOR)
    several.loop.run(process.revocations.revoke("jti", "b"))
    several.pass_seconds(1.0)
    assert [it.value for it in process.revocations.newest(10)] == ["b"]
    assert process.revocations.total == 1


def test_the_newest_come_first(several: Several) -> None:
    process = several.start()
    for value in ("a", "b", "c"):
        several.clock.advance(1000)
        several.loop.run(process.revocations.revoke("jti", value))
    assert [it.value for it in process.revocations.newest(2)] == ["c", "b"]


def test_a_fault_ends_nothing(several: Several, caplog: pytest.LogCaptureFixture) -> None:
    process = several.start()

    async def fail() -> str:
        raise RuntimeError("a fault of ours")

    several.kept.revision = fail  # type: ignore[method-assign]
    with caplog.at_level(logging.ERROR):
        several.pass_seconds(5.0)
    assert [record.getMessage() for record in caplog.records] == [
        "looking for what was revoked failed"
    ]
    del several.kept.revision
    several.loop.run(several.kept.revoke([Revocation("jti", "a", 2e9)]))
    several.pass_seconds(1.1)
    assert process.revocations.is_revoked(ANN)
