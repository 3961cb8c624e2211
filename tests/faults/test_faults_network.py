from __future__ import annotations

from collections.abc import Collection

import pytest

from support.fault_readers import PATIENCE, SseReader
from support.fault_stage import Stage
from support.tcp_proxy import BOTH, Direction


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_clients_that_are_cut_off_resume(stage: Stage, reset: bool) -> None:
    """Cut again and again, in the midst of events, by either end of a connection."""
    async with stage.load(readers=3) as load:
        for _ in range(5):
            assert stage.client_line.cut(reset=reset) >= 6
            await load.flows(3)
        verdict = await load.settle()
        assert verdict.declared == 0
        assert all(reader.connections >= 5 for reader in load.readers[:6])


async def test_clients_cut_in_the_middle_of_a_frame_resume_before_it(stage: Stage) -> None:
    """What was begun and not ended is no event: it comes whole on the next connection."""
    async with stage.load(readers=3) as load:
        for _ in range(8):
            stage.client_line.truncate(stage.random.randint(1, 400))
            await load.flows(3)
        verdict = await load.settle()
        assert verdict.declared == 0


@pytest.mark.parametrize("directions", [BOTH, ("down",)], ids=["both ways", "downstream"])
async def test_clients_on_a_dead_line_notice_and_resume(
    stage: Stage, directions: Collection[Direction]
) -> None:
    """No end comes, only silence: without the heartbeat they give up and come back."""
    async with stage.load() as load:
        stage.client_line.hold(directions, new=False)
        await load.flows(10)
        verdict = await load.settle()
        assert verdict.declared == 0
        assert min(reader.connections for reader in load.readers[:2]) >= 2


async def test_clients_on_a_line_that_pauses_lose_nothing(stage: Stage) -> None:
    """A line that is dead for a while and then delivers all it held, in order."""
    async with stage.load() as load:
        stage.client_line.hold()
        await load.stores(20)
        stage.client_line.release()
        await load.flows(10)
        assert (await load.settle()).declared == 0


@pytest.mark.parametrize("directions", [BOTH, ("down",), ("up",)], ids=["both", "down", "up"])
async def test_a_dead_line_to_redis_is_noticed_and_left(
    stage: Stage, directions: Collection[Direction]
) -> None:
    """Sockets that look alive and carry nothing, as after a failover: the probe goes unheard."""
    async with stage.load(silence=PATIENCE) as load:
        stage.redis_line.hold(directions, new=False)
        # Never released: the server has left those connections for new ones.
        await load.flows(20)
        async with SseReader(stage.server.url, "projects/another") as reader:
            await reader.is_live()
        await stage.is_ready()
        verdict = await load.settle()
        assert verdict.declared == 0
        assert load.readers[0].connections == load.readers[1].connections == 1


async def test_a_dead_network_to_redis_refuses_publishers_and_keeps_readers(stage: Stage) -> None:
    """Nothing gets through, new connections neither; when it is back nothing is missing."""
    async with stage.load(silence=PATIENCE) as load:
        stage.redis_line.hold()
        assert "did not answer in time" in await load.refused()
        await stage.is_ready(ready=False)
        stage.redis_line.release()
        await load.flows(20)
        verdict = await load.settle()
        assert verdict.declared == 0
        assert load.readers[0].connections == load.readers[1].connections == 1


async def test_answers_of_redis_that_are_lost_double_nothing(stage: Stage) -> None:
    """Appended, and the answer cut off: with a key the retry stores nothing a second time."""
    async with stage.load(rate=100) as load:
        for _ in range(15):
            stage.redis_line.truncate(stage.random.randint(0, 20))
            stage.worker_line.truncate(0)
            await load.flows(3)
        verdict = await load.settle()
        assert verdict.declared == 0


async def test_a_slow_line_to_redis_changes_no_order(stage: Stage) -> None:
    """A tenth of a second more each way, and back, while events flow."""
    async with stage.load(rate=100) as load:
        stage.redis_line.delay(0.1)
        await load.flows(10)
        stage.redis_line.delay(0.0)
        await load.flows(10)
        assert (await load.settle()).declared == 0


async def test_a_worker_cut_off_from_redis_buffers_and_delivers_in_order(stage: Stage) -> None:
    """Its job waits for nothing; what was published meanwhile comes in order, each once."""
    async with stage.load() as load:
        stage.worker_line.refuse()
        stage.worker_line.cut(reset=True)
        worker = load.publishers[-1]
        published = worker.next
        await load.stores(30)  # by the others
        await load.waits(lambda: worker.next > published + 20, "the worker did not go on")
        stage.worker_line.accept()
        await load.flows(20)
        verdict = await load.settle()
        assert verdict.declared == 0
        assert len(worker.stored) == worker.next


async def test_a_worker_on_a_dead_line_gives_up_and_delivers_in_order(stage: Stage) -> None:
    """Its connection looks alive and carries nothing: it times out and takes another."""
    async with stage.load() as load:
        stage.worker_line.hold(new=False)
        worker = load.publishers[-1]
        published = worker.next
        await load.waits(lambda: worker.next > published + 20, "the worker did not go on")
        verdict = await load.settle()
        assert verdict.declared == 0
        assert len(worker.stored) == worker.next
