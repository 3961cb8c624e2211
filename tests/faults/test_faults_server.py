from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from support.fault_load import Load
from support.fault_publishers import HttpPublisher
from support.fault_readers import PATIENCE, SseReader
from support.fault_stage import Stage

#: Readers that a killed server leaves behind.
READERS = 1000


async def test_a_killed_server_with_a_thousand_readers_loses_nothing(stage: Stage) -> None:
    """`kill -9`; started again, all of them resume at once and see every event once."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stage.log.close)
        readers = [SseReader(stage.server.url, stage.topic) for _ in range(READERS)]
        for reader in readers:
            reader.silence = PATIENCE
        for batch in range(0, READERS, 100):
            some = readers[batch : batch + 100]
            await asyncio.gather(*(stack.enter_async_context(reader) for reader in some))
            for reader in some:
                await reader.is_live()
        publishers = [
            await stack.enter_async_context(
                HttpPublisher(stage.server.url, stage.topic, keyed=keyed, rate=4)
            )
            for keyed in (True, False)
        ]
        load = Load(stage, [*readers], [*publishers])
        await load.flows(2)
        stage.server.kill()
        await load.refused()
        stage.start()
        await load.flows(3)
        verdict = await load.settle()
        assert verdict.declared == 0
        assert {reader.connections for reader in readers} == {2}


async def test_a_server_killed_again_and_again_loses_nothing(stage: Stage) -> None:
    """Every reader of every kind resumes after each `kill -9`."""
    async with stage.load(readers=3) as load:
        for _ in range(2):
            stage.server.kill()
            await load.refused()
            stage.start()
            await load.flows(5)
        verdict = await load.settle()
        assert verdict.declared == 0
