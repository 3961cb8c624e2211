"""Processes say how they do, over every log."""

from __future__ import annotations

from streamer.eventlog.base import EventLog


async def test_what_each_process_said_last_is_there_until_it_is_gone(log: EventLog) -> None:
    await log.reports.say("a", b"1")
    await log.reports.say("b", b"2")
    await log.reports.say("a", b"3")
    assert sorted(await log.reports.all()) == [b"2", b"3"]
    await log.reports.withdraw("a")
    assert await log.reports.all() == [b"2"]
