"""AG-UI's and OpenAI's own clients, unchanged: whatever breaks, they have the whole, or say not."""

from __future__ import annotations

import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from support.ai_place import Place
from support.ai_server import Step, chunk, response, whole
from support.ai_stage import Stage
from support.answer_readers import AgUiReader, CompletionReader, Reader, ResponseReader
from support.waiting import wait_until_blocking

HALF: Final = "The first half, 첫 번째, "
REST: Final = ("and the second: ", "👩‍👩‍👧.\u2028\n")
WHOLE: Final = HALF + "".join(REST)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def half_read(
    stack: ExitStack,
    url: str,
    says: Callable[[str, Sequence[Step]], None],
    hold: Step,
    directory: Path,
) -> list[Reader]:
    """A client of each kind that has half of an answer; the rest comes after `hold`.

    `says` lets the AI server say something to a question.
    """
    name = secrets.token_hex(6)
    run, completion, recorded = f"run-{name}", f"completion-{name}", f"response-{name}"
    events = response(HALF, *REST)
    says(run, [chunk(HALF), hold, *whole(*REST)])
    says(completion, [chunk(HALF), hold, *whole(*REST)])
    says(recorded, [*events[:5], hold, *events[5:]])
    agent = AgUiReader(run, directory)
    readers: list[Reader] = [agent, CompletionReader(completion), ResponseReader(recorded)]
    for reader in readers:
        stack.enter_context(reader).ask(url)
        reader.has(HALF)
    readers.append(stack.enter_context(ResponseReader(run, agent.answer)))
    readers[-1].ask(url)
    readers[-1].has(HALF)
    return readers


@pytest.mark.usefixtures("stage_worker")
class TestDrain:
    @pytest.mark.parametrize("live", [0, 1], ids=["fast", "portable"])
    def test_a_server_that_drains_cuts_every_client_and_another_one_goes_on(
        self, stage: Stage, stack: ExitStack, tmp_path: Path, live: int
    ) -> None:
        hold = threading.Event()
        drained, other = stage.lives[live], stage.lives[1 - live]
        says = stage.answers.__setitem__
        readers = half_read(stack, drained.url, says, hold, tmp_path / "ag")
        assert drained.program is not None
        drained.program.stop()
        try:
            for reader in readers:
                assert not reader.is_whole(), f"{reader} takes a half for the whole"
                assert reader.text == HALF
                reader.resume(other.url)
                reader.has(HALF)
            hold.set()
            for reader in readers:
                assert reader.is_whole()
                assert reader.text == WHOLE
        finally:
            drained.start()


def test_a_redis_that_is_killed_is_the_end_of_no_answer(
    place: Place, stack: ExitStack, tmp_path: Path
) -> None:
    """Who was reading goes on, or is cut; who comes meanwhile is refused; all have the whole."""
    ended = place.model.ended
    readers = half_read(stack, place.live.url, place.says, place.hold(), tmp_path / "ag")
    place.redis.kill()
    late = [stack.enter_context(reader.twin()) for reader in readers]
    for reader in late:
        reader.resume(place.live.url)
        assert not reader.is_whole(), f"{reader} takes what it has for the whole"
    place.let_go()
    # The rest is said while nothing can be recorded.
    wait_until_blocking(lambda: place.model.ended == ended + 3, "the AI server was not heard out")
    place.redis.start()
    for reader in late:
        reader.resume(place.live.url)
    for reader in [*readers, *late]:
        reader.come_to_the_whole(place.live.url)
        assert reader.text == WHOLE


def test_a_worker_that_is_killed_is_no_end_of_a_run_and_the_next_one_begins_anew(
    place: Place, tmp_path: Path
) -> None:
    """In the same stream: what was said is taken back."""
    asked = f"worker-{secrets.token_hex(6)}"
    place.says(asked, [chunk(HALF), place.hold()], whole("another ", "one"))
    with AgUiReader(asked, tmp_path / "ag") as reader:
        reader.ask(place.live.url)
        reader.has(HALF)
        place.worker.signal(signal.SIGKILL)
        place.worker.wait()
        place.start_worker()
        assert reader.is_whole()
        assert reader.text == "another one"
