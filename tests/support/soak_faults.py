"""What is broken during a soak: everything but what the log has.

A full disk is not here: a Redis that syncs each write ends itself then, by its own rules.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Final, cast

from .fault_load import Load
from .fault_schedule import (
    Fault,
    clients_are_cut,
    clients_are_paused,
    clients_are_refused,
    clients_are_truncated,
    clients_hear_nothing,
    redis_is_full,
    redis_is_killed,
    redis_is_stopped,
    redis_line_is_cut,
    redis_line_is_dead,
    redis_line_is_paused,
    redis_line_is_slow,
    redis_line_is_truncated,
    server_is_drained,
    subscribers_are_killed,
    worker_is_cut_off,
    worker_loses_answers,
)
from .soak_stage import SoakStage


async def server_is_killed(load: Load) -> None:
    """`kill -9`, and another in its place once the elder has all readers."""
    load.stage.server.kill()
    await load.flows()
    await asyncio.to_thread(load.stage.start)


async def worker_is_deployed(load: Load) -> None:
    """`SIGTERM`: it hands back what it did, and another does it."""
    await _renew_worker(load, signal.SIGTERM)


async def worker_is_killed(load: Load) -> None:
    """`kill -9`, and another in its place."""
    await _renew_worker(load, signal.SIGKILL)


async def _renew_worker(load: Load, number: signal.Signals) -> None:
    stage = cast("SoakStage", load.stage)
    await asyncio.to_thread(stage.end_worker, number)
    await asyncio.to_thread(stage.start_worker)


#: Deploys are as frequent as all that breaks.
DEPLOYS: Final[tuple[Fault, ...]] = (
    server_is_drained,
    worker_is_deployed,
)
FAULTS: Final[tuple[Fault, ...]] = (
    server_is_killed,
    worker_is_killed,
    redis_is_killed,
    redis_is_stopped,
    redis_is_full,
    subscribers_are_killed,
    clients_are_cut,
    clients_are_truncated,
    clients_hear_nothing,
    clients_are_refused,
    clients_are_paused,
    redis_line_is_cut,
    redis_line_is_dead,
    redis_line_is_truncated,
    redis_line_is_paused,
    redis_line_is_slow,
    worker_is_cut_off,
    worker_loses_answers,
)
