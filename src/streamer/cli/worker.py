"""``streamer worker``: run jobs."""

from __future__ import annotations

import sys

import msgspec
import rich_click as click

from ..config.settings import Settings
from ..processes.parent import end_with_parent
from .command import Command
from .directories import make_directories
from .log_url import needed_log_url, refuse_jobs_in_a_cluster
from .options import warn_of_misspelt, with_settings


@click.command(cls=Command)
@with_settings("redis_url", "data_dir", "job_threads", "log_level")
@click.option("--parent-pipe", type=int, hidden=True)
def worker(settings: Settings, parent_pipe: int | None) -> None:
    """Run jobs, and publish how they go.

    It needs the same event log as the servers: --redis-url or STREAMER_REDIS_URL,
    or a `streamer run` on the same data directory, which has a worker of its own.
    """
    from ..jobs.dramatiq_lines import speak_for_dramatiq
    from ..jobs.worker import run_worker
    from ..processes.log_lines import write_log

    if parent_pipe is None:
        warn_of_misspelt()
    refuse_jobs_in_a_cluster(settings)
    url = needed_log_url(settings)
    make_directories(settings, ("media_dir", "output_dir"))
    end_with_parent(parent_pipe)
    write_log(settings.log_level)
    speak_for_dramatiq()
    sys.exit(run_worker(msgspec.structs.replace(settings, redis_url=url)))
