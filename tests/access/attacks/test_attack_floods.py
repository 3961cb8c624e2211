"""Whoever asks for what they may not have, again and again, costs the others nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import pytest

from streamer.events.snapshot import Snapshot
from streamer.limits import FRAME_BURST
from support.victims import VictimStage

API: Final = "/api/v1"
#: Frames that are sent, and seconds in which they may be read.
FRAMES: Final = 2000
SECONDS: Final = 5


@pytest.mark.parametrize("topic", ["jobs/{n}", "projects/{n}", "users/7", "jobs/v1", "{n}/*"])
def test_a_flood_of_subscriptions_that_are_refused_costs_others_nothing(
    house: VictimStage, topic: str
) -> None:
    """Not one read of the log more than the rate of commands allows, and nothing is kept of it."""
    looked = 0
    snapshots = house.log.snapshots

    async def looking(topics: Sequence[str]) -> dict[str, Snapshot]:
        nonlocal looked
        looked += len(topics)
        return await snapshots(topics)

    house.log.snapshots = looking  # type: ignore[method-assign]
    reader = house.peer(f"{API}/projects/x1/stream", "7")
    flood = house.peer(f"{API}/projects/mine/stream", "mallory", method="WEBSOCKET")
    flood.send_frames(
        *(
            json.dumps({"type": "subscribe", "topic": topic.format(n=number)})
            for number in range(FRAMES)
        )
    )
    house.answer(flood)
    looked = 0
    for second in range(SECONDS):
        number = house.publish("projects/x1")
        house.settle()
        assert number in reader.numbers, f"the reader is held up in second {second}"
        house.pass_seconds(1.0)
        house.settle()
    most = FRAME_BURST + house.settings.command_rate * (SECONDS + 1)
    assert flood.take().count(b'"type":"refused"') <= most
    assert looked <= most
    assert set(house.hub.counts) == {"projects/x1", "projects/mine"}
    # It was heard, as slowly as anybody is.
    assert flood.take().count(b'"type":"refused"') >= house.settings.command_rate
