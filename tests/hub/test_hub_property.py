"""The guarantee as a property: under any interleaving, nothing missing, nothing twice."""

from __future__ import annotations

import os
import secrets

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from streamer.eventlog.redis.log import RedisEventLog
from support.servers import Server
from support.steps import (
    Ask,
    Bounds,
    Change,
    Come,
    Delete,
    End,
    Go,
    LetOne,
    Log,
    Publish,
    Return,
    Step,
    Take,
    Tick,
    Turn,
    Wait,
    run,
    run_over,
)
from support.swarm import hunt
from support.turning import WaitingLoop
from support.waiting_swarm import draw_waiting
from support.world import TOPICS

#: Runs of the swarm: some seconds of them; `make faults` asks for more.
SWARM = int(os.environ.get("STREAMER_SWARM", "1500"))

BOUNDS = st.builds(
    Bounds,
    retention=st.sampled_from([3, 8, 1000, 1]),
    tail_events=st.sampled_from([1000, 4, 1, 0]),
    slice=st.sampled_from([512, 1, 2]),
    page_events=st.sampled_from([100, 3, 1]),
    page_bytes=st.sampled_from([65536, 1]),
    unfolded=st.sampled_from([256, 1]),
    resting=st.sampled_from([256, 0]),
    held=st.sampled_from([10_000, 1, 0]),
    renewals=st.sampled_from([10, 2]),
    waiting=st.sampled_from([1000, 2, 0]),
    windows=st.sampled_from([256, 1, 0]),
    windows_at_least=st.sampled_from([5.0, 0.0]),
)

_sets = st.sampled_from([("a",), ("b",), ("a", "b"), ("b", "a", "jobs/j"), ("jobs/j",)])
_who = st.integers(0, 5)

_publish = st.builds(
    Publish,
    st.sampled_from([("a",), ("b",), ("a", "b"), ("jobs/j",), ("a", "jobs/j")]),
    st.sampled_from(["note", "progress", "typing", "completed", "ai_chunk"]),
    st.integers(1, 4),
)
_starts = st.sampled_from(["latest", "earliest"]) | st.integers(0, 30)
_come = st.builds(
    Come,
    _sets,
    _starts,
    st.sampled_from([1 << 20, 300, 1]),
    st.booleans(),
    st.sampled_from([0.0, 10.0, 50.0]),
    st.sampled_from(["", "gzip", "zstd", "deflate"]),
)
_logs = ["pause", "pause", "let all", "hold", "release", "interrupt", "resume", "fail", "work"]
_step = st.one_of(
    _publish,
    _publish,
    _publish,
    _come,
    _come,
    st.builds(Turn, st.integers(1, 4)),
    st.builds(Turn, st.integers(1, 4)),
    st.builds(Take, _who, st.integers(1, 3)),
    st.builds(Take, _who, st.just(1000)),
    st.builds(LetOne, st.integers(0, 5)),
    st.builds(LetOne, st.integers(0, 5)),
    st.builds(Go, _who),
    st.builds(Delete, st.sampled_from(TOPICS)),
    st.builds(End, _who),
    st.builds(Ask, _who),
    st.builds(Return, _who),
    st.builds(Change, _who, st.sampled_from(TOPICS), _starts),
    st.builds(Log, st.sampled_from(_logs)),
    st.just(Tick()),
    st.just(Wait()),
)
# Short runs, which say at once what is wrong, and long ones, which find it.
_steps = st.lists(_step, max_size=20) | st.lists(_step, min_size=25, max_size=80)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(bounds=BOUNDS, steps=_steps)
def test_every_reader_is_given_what_the_log_has_or_told_what_it_lost(
    bounds: Bounds, steps: list[Step]
) -> None:
    """Ids strictly increasing, nothing missing, nothing twice, a gap exactly when lost."""
    run(bounds, steps)


def test_a_swarm_of_runs_finds_nothing() -> None:
    """Each is long, and does much of a few things: what chance alone seldom brings together."""
    found = hunt(range(SWARM))
    assert found is None, found


def test_a_swarm_of_readers_that_wait_for_a_window_finds_nothing() -> None:
    """Each decodes what it is sent; the checksum in the end is of what it was told."""
    found = hunt(range(SWARM // 5), draw_waiting)
    assert found is None, found


_steps_of_others = st.lists(
    _step.filter(lambda step: not isinstance(step, Tick)), min_size=15, max_size=60
)


def test_the_same_over_a_real_redis(redis_server: Server) -> None:
    """Fewer runs, as each is slower: its clock is its own, and replies take their time."""

    @settings(
        max_examples=12,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink would take minutes
        suppress_health_check=list(HealthCheck),
    )
    @given(bounds=BOUNDS, steps=_steps_of_others)
    def over_redis(bounds: Bounds, steps: list[Step]) -> None:
        prefix = f"test-{secrets.token_hex(6)}"
        run_over(
            bounds,
            steps,
            WaitingLoop(),
            lambda kept: RedisEventLog(redis_server.url, prefix=prefix, retention=kept),
        )

    over_redis()
