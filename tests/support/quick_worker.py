"""A worker whose death is noticed after a second: ``python -m support.quick_worker``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from streamer.config.settings import Settings
from streamer.jobs.actors import declare_actors
from streamer.jobs.broker import create_broker
from streamer.jobs.known_kinds import load_kinds
from streamer.jobs.worker import Stop, open_publisher, run_until

from .processes import Program


def quick_worker(environ: Mapping[str, str], threads: int = 1) -> Program:
    """Start one, with the settings of a server; it is ready when it prints ``working``."""
    tests = str(Path(__file__).parents[1])
    path = os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])
    return Program(
        [sys.executable, "-m", "support.quick_worker", str(threads)],
        environ={**environ, "PYTHONPATH": path},
    )


def _main(threads: int) -> None:
    settings = Settings.from_env()
    publisher = open_publisher(settings)
    broker = create_broker(settings, publisher, heartbeat_timeout=1, maintenance_chance=1_000_000)
    declare_actors(broker, settings, load_kinds().values())
    sys.stdout.write("working\n")
    sys.stdout.flush()
    run_until(Stop(), broker, threads=threads)
    publisher.close()


if __name__ == "__main__":
    _main(int(sys.argv[1]))
