"""Which connections give way when there are too many."""

from __future__ import annotations

import logging

import pytest

from streamer.hub.party import party_of
from streamer.server.acceptance import Acceptance, address_of


class FakeConnection:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.looks: list[float] = []
        self.gave_way = False
        self.party: str | None = None

    def look(self, now: float) -> None:
        self.looks.append(now)

    def give_way(self) -> None:
        self.gave_way = True


def entered(acceptance: Acceptance, host: str, count: int) -> list[FakeConnection]:
    connections = [FakeConnection() for _ in range(count)]
    for connection in connections:
        assert acceptance.enter(connection, host)
    return connections


def test_the_oldest_of_whoever_has_most_gives_way() -> None:
    """Who has few is let alone, however long it waits."""
    acceptance = Acceptance(most_waiting=5)
    few = entered(acceptance, "10.0.0.1", 2)
    many = entered(acceptance, "10.0.0.2", 10)
    assert [connection.gave_way for connection in few] == [False] * 2
    assert [connection.gave_way for connection in many] == [True] * 7 + [False] * 3


def test_who_was_answered_last_is_youngest() -> None:
    acceptance = Acceptance(most_waiting=3)
    first, second, third = entered(acceptance, "10.0.0.1", 3)
    acceptance.work(first)
    acceptance.wait(first)
    entered(acceptance, "10.0.0.1", 2)
    assert [c.gave_way for c in (first, second, third)] == [False, True, True]


def test_readers_and_requests_that_are_answered_never_give_way() -> None:
    """When only they are left, a newcomer is not taken."""
    acceptance = Acceptance(most=3, most_waiting=1)
    (reader,) = entered(acceptance, "10.0.0.1", 1)
    acceptance.seat(reader)
    (asking,) = entered(acceptance, "10.0.0.1", 1)
    acceptance.work(asking)
    (idle,) = entered(acceptance, "10.0.0.1", 1)
    assert acceptance.enter(FakeConnection(), "10.0.0.2"), "the idle one gives way"
    assert [c.gave_way for c in (reader, asking, idle)] == [False, False, True]
    acceptance.leave(idle)
    acceptance.tick(1.0)
    assert (reader.looks, asking.looks, idle.looks) == ([], [1.0], [])
    assert len(acceptance) == 3


def test_a_newcomer_is_not_taken_when_nobody_waits() -> None:
    acceptance = Acceptance(most=2)
    for connection in entered(acceptance, "10.0.0.1", 2):
        acceptance.seat(connection)
    refused = FakeConnection()
    assert not acceptance.enter(refused, "10.0.0.2")
    acceptance.wait(refused)
    acceptance.leave(refused)
    assert len(acceptance) == 2
    assert not refused.gave_way


def test_a_flood_is_a_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """However many connections were closed."""
    acceptance = Acceptance(most_waiting=1)
    with caplog.at_level(logging.WARNING):
        for second in range(61):
            entered(acceptance, "10.0.0.1", 2)
            acceptance.tick(float(second))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "1 that waited were closed, 0 were not taken" in told[0]


def test_without_a_limit_nobody_gives_way() -> None:
    acceptance = Acceptance()
    assert not any(connection.gave_way for connection in entered(acceptance, "10.0.0.1", 100))


@pytest.mark.parametrize(
    ("host", "party"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("no:address", "no:address"),
        ("", ""),
    ],
)
def test_a_network_of_ipv6_is_one_party(host: str, party: str) -> None:
    """Whoever has one address there has 2 ** 64."""
    assert party_of(host) == party


def test_an_ipv4_address_is_itself_on_a_socket_of_both_families() -> None:
    """Else a trusted proxy, and a limit, would not be known again."""
    assert address_of(("::ffff:127.0.0.1", 80)) == ("127.0.0.1", 80)
    assert address_of(("127.0.0.1", 80)) == ("127.0.0.1", 80)
    assert address_of(("2001:db8::1", 80)) == ("2001:db8::1", 80)
    assert address_of(None) is None
