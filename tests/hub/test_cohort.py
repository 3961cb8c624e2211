"""Who is in a cohort is asked once how to be written to; cohorts that stand alike become one."""

from __future__ import annotations

from array import array
from typing import cast

import pytest

from streamer.events.cursor import Cursor
from streamer.hub.cohort import Cohort, Standing, merged
from streamer.hub.fan_out import FanOut
from streamer.hub.reader import Company, Reader
from streamer.wire.sse import NAMED, UNNAMED

STANDING = Standing(NAMED, Cursor(1, 0), None, may_end=False)
BEHIND = Cursor(2, 0)


class Sent(FanOut):
    """Notes to whom each buffer goes; some sockets are full."""

    def __init__(self) -> None:
        super().__init__(io_uring=False)
        self.full: set[int] = set()
        self.to: list[set[int]] = []

    def send(self, descriptors: array[int], buffer: bytes) -> list[tuple[int, int]]:
        assert len(set(descriptors)) == len(descriptors)
        self.to.append(set(descriptors))
        return [(number, len(buffer) - 1) for number in descriptors if number in self.full]


class Member:
    """What a cohort knows of a reader, and its writer."""

    def __init__(self, number: int | None) -> None:
        self.number = number
        self.asked = 0
        self.written = b""
        self.company: Company | None = None
        self.writer = self

    def descriptor(self) -> int | None:
        self.asked += 1
        if self.number == -1:
            raise RuntimeError("it cannot be asked")
        return self.number

    def write(self, buffer: bytes) -> None:
        self.written += buffer

    def joined(self, company: Company) -> None:
        self.company = company

    def moved(self, company: Company) -> None:
        assert self.company is not None
        self.company = company

    def parted(self, position: Cursor, mark: object) -> None:
        del position, mark
        self.company = None

    def failed(self, error: Exception) -> None:
        del error
        assert self.company is not None
        self.company.remove(self.reader)

    @property
    def reader(self) -> Reader:
        return cast("Reader", self)


@pytest.fixture
def sent() -> Sent:
    return Sent()


def cohort_of(sent: Sent, *members: Member, standing: Standing = STANDING) -> Cohort:
    cohort = Cohort(standing, sent)
    for member in members:
        cohort.add(member.reader)
    return cohort


def test_who_comes_or_goes_makes_nobody_else_be_asked_again(sent: Sent) -> None:
    first, second, third = (Member(number) for number in range(3))
    cohort = cohort_of(sent, first, second)
    cohort.write(b"a", BEHIND)
    cohort.add(third.reader)
    cohort.write(b"b", BEHIND)
    cohort.remove(first.reader)
    cohort.write(b"c", BEHIND)
    assert sent.to == [{0, 1}, {0, 1, 2}, {1, 2}]
    assert [first.asked, second.asked, third.asked] == [1, 1, 1]


def test_who_has_something_queued_is_written_to_by_its_writer_until_it_has_not(sent: Sent) -> None:
    one, other, late = (Member(number) for number in range(3))
    cohort = cohort_of(sent, one, other)
    cohort.write(b"a", BEHIND)
    one.number = None
    cohort.ask_again(one.reader)
    cohort.write(b"b", BEHIND)
    one.number = 0
    cohort.add(late.reader)
    cohort.write(b"c", BEHIND)
    assert sent.to == [{0, 1}, {1}, {0, 1, 2}]
    assert one.written == b"b"
    assert other.asked == 1


def test_a_full_socket_is_given_the_rest_by_its_writer(sent: Sent) -> None:
    members = [Member(number) for number in range(3)]
    sent.full = {1}
    cohort_of(sent, *members).write(b"abc", BEHIND)
    assert [member.written for member in members] == [b"", b"c", b""]


def test_one_that_cannot_be_asked_fails_alone(sent: Sent) -> None:
    fine, broken = Member(0), Member(-1)
    cohort = cohort_of(sent, fine, broken)
    cohort.write(b"a", BEHIND)
    cohort.write(b"b", BEHIND)
    assert cohort.readers == (fine.reader,)
    assert sent.to == [{0}, {0}]
    assert broken.company is None


def test_cohorts_that_stand_alike_become_one_of_all_their_readers(sent: Sent) -> None:
    members = [Member(0), Member(1), Member(None), Member(3)]
    large, small, new = (
        cohort_of(sent, *members[:2]),
        cohort_of(sent, members[2]),
        cohort_of(sent, members[3]),
    )
    for cohort in (large, small):
        cohort.write(b"a", BEHIND)
    new.position = BEHIND
    [one] = merged([new, small, large], 4)
    assert one is large
    assert len(one) == 4
    assert len(small) == len(new) == 0
    assert all(member.company is one for member in members)
    sent.to.clear()
    one.write(b"b", BEHIND)
    assert sent.to == [{0, 1, 3}]
    assert members[2].written == b"ab"
    assert [members[0].asked, members[1].asked, members[3].asked] == [1, 1, 1]


def test_cohorts_that_do_not_stand_alike_or_are_full_stay_what_they_are(sent: Sent) -> None:
    cohorts = [
        cohort_of(sent, Member(0), Member(1)),
        cohort_of(sent, Member(2), Member(3)),
        cohort_of(sent, Member(4), standing=STANDING._replace(position=BEHIND)),
        cohort_of(sent, Member(5), standing=STANDING._replace(form=UNNAMED)),
        cohort_of(sent, Member(6), standing=STANDING._replace(may_end=True)),
    ]
    assert merged(cohorts, 3) == cohorts
