"""Random lives of clients of the AI SDK: none is ever ready with less than the answer."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from support.ai_sdk import node_program
from support.live import Live, StartLive
from support.processes import Program
from support.quick_worker import quick_worker
from support.servers import Server
from support.waiting import DEADLINE, LONG_DEADLINE

#: Clients of one conversation: one asks, the others look in.
CLIENTS: Final = 10
#: Lives; a longer run than the suite has time for is asked for by its number.
LIVES: Final = int(os.environ.get("STREAMER_AI_SWARM", "1000"))
#: Those during which all else is broken, too.
HARD_LIVES: Final = max(200, LIVES // 10)


class Swarm:
    """The clients, and the model that they are answered by."""

    def __init__(self, program: Program) -> None:
        self._program: Final = program
        self.model: Final[str] = self._said("model")["model"]

    def begin(self, live: Live, lives: int) -> None:
        told = {"url": live.url, "conversations": lives // CLIENTS, "clients": CLIENTS}
        self._program.write(json.dumps(told) + "\n")

    def wait_for(self, conversations: int) -> None:
        """Wait until so many have ended."""
        self._program.wait_for(f'^{{"ended":{conversations}}}$', deadline=LONG_DEADLINE)

    def ends(self, lives: int) -> dict[str, Any]:
        """Wait for all of them; what they did. Nobody has seen a lie."""
        said = self._said("lives", deadline=LONG_DEADLINE + lives / 10)
        assert said["faults"] == [], "\n".join(said["faults"][:5])
        assert said["lives"] == lives // CLIENTS * CLIENTS
        return said

    def _said(self, name: str, deadline: float = DEADLINE) -> dict[str, Any]:
        line = self._program.wait_for(rf'^\{{"{name}".*\}}$', deadline=deadline)
        said: dict[str, Any] = json.loads(line[0])
        return said


@pytest.fixture
def swarm(tmp_path: Path) -> Iterator[Swarm]:
    with Program(node_program(tmp_path, "swarm.mjs")) as program:
        yield Swarm(program)


@pytest.mark.timeout(300 + LIVES // 10)
def test_a_thousand_lives_see_no_truncated_answer_that_says_it_is_ready(
    swarm: Swarm, start_live: StartLive
) -> None:
    """They are cut anywhere, resume, reload, come late; some answers are stopped."""
    live = start_live(STREAMER_AI_URL=swarm.model)
    with quick_worker(live.environ, threads=24) as worker:
        worker.wait_for("working")
        swarm.begin(live, LIVES)
        did = swarm.ends(LIVES)
    assert did["cuts"] > LIVES // 2
    assert did["resumes"] > LIVES // 2
    assert did["stopped"] > 0


@pytest.mark.timeout(300 + HARD_LIVES // 5)
def test_nor_do_lives_during_which_server_worker_and_redis_die(
    swarm: Swarm, start_live: StartLive, own_server: Server
) -> None:
    """Each is killed, and the server drained, while many are answered."""
    live = start_live(STREAMER_AI_URL=swarm.model, redis_url=own_server.url)
    with ExitStack() as stack:

        def start_worker() -> Program:
            worker = stack.enter_context(quick_worker(live.environ, threads=24))
            worker.wait_for("working")
            return worker

        worker = start_worker()
        swarm.begin(live, HARD_LIVES)

        def kill_worker() -> None:
            worker.signal(signal.SIGKILL)
            worker.wait()
            start_worker()

        breaks: list[list[Callable[[], object]]] = [
            [kill_worker],
            [own_server.kill, own_server.start],
            [live.kill, live.start],
            [live.stop, live.start],
        ]
        between = HARD_LIVES // CLIENTS // (len(breaks) + 1)
        for number, steps in enumerate(breaks):
            swarm.wait_for(1 + number * between)
            for step in steps:
                step()
        did = swarm.ends(HARD_LIVES)
    assert did["resumes"] > HARD_LIVES
