"""How many connections there is room for among the files that a process may open."""

from __future__ import annotations

import resource

import pytest

from streamer.server.descriptors import OTHERS, OWN, make_room, room_in


@pytest.mark.parametrize(
    ("limit", "set_", "readers", "waiting", "connections"),
    [
        (1 << 20, 20_000, 20_000, OTHERS // 2, (1 << 20) - OWN),
        (1024, 20_000, 672, 112, 896),
        (1024, 100, 100, 112, 896),
        (1024, 0, 672, 112, 896),
        (100, 20_000, 38, 6, 50),
        (8, 20_000, 3, 1, 4),
    ],
)
def test_there_is_always_room_for_others_beside_the_readers(
    limit: int, set_: int, readers: int, waiting: int, connections: int
) -> None:
    """And for what the process needs itself, however few files it may open."""
    room = room_in(limit, set_)
    assert room == (readers, waiting, connections)
    assert room.readers + room.waiting < max(limit, 5)
    assert room.connections < limit


def test_the_limit_is_raised_only_as_far_as_is_needed() -> None:
    """And never lowered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        room = make_room(100)
        assert room.readers == 100
        raised, same = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert raised == min(100 + OTHERS + OWN, hard)
        assert same == hard
        make_room(10)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == raised
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
