"""``streamer worker``: run jobs."""

from __future__ import annotations

import sys
from functools import partial

import msgspec
import rich_click as click

from ..config.settings import Settings
from ..processes.parent import end_with_parent
from ..processes.replaced import UNUSABLE
from ..processes.turn import wait_for_turn
from .command import Command
from .directories import make_directories
from .log_url import needed_log_url, refuse_jobs_in_a_cluster
from .options import warn_of_misspelt, with_settings
from .reload import check_reload


def worker_name(modules: tuple[str, ...]) -> str:
    """What the worker of a user's own modules is called."""
    return f"worker of {', '.join(modules)}"


@click.command(cls=Command)
@click.argument("modules", nargs=-1, metavar="[MODULE[:BROKER]]...")
@with_settings("redis_url", "data_dir", "job_threads", "log_level")
@click.option("--reload", is_flag=True, help="Load MODULE again when a Python file here changes.")
@click.option("--parent-pipe", type=int, hidden=True)
@click.option("--turn-socket", type=int, hidden=True)
def worker(
    settings: Settings,
    modules: tuple[str, ...],
    parent_pipe: int | None,
    turn_socket: int | None,
    *,
    reload: bool,
) -> None:
    """Run jobs, and publish how they go: the built-in ones, or the Dramatiq actors of MODULE.

    It needs the same event log as the servers: --redis-url or STREAMER_REDIS_URL, or a
    `streamer run` on the same data directory. Actors take jobs from BROKER in their
    module; else from its `broker`; else from the global one of Dramatiq, which is in the Redis
    of the log where no module has set another. Those marked with @streamer.job_kind may
    be started over HTTP. The exit code is 0 if it was asked to stop, 1 if a job did not
    stop or something could not be published, 2 if MODULE cannot be run.

    Example: streamer worker myapp.tasks
    """
    from ..jobs.dramatiq_lines import speak_for_dramatiq
    from ..jobs.own_modules import UnusableModule
    from ..jobs.worker import run_own_worker, run_worker
    from ..processes.log_lines import write_log
    from ..prometheus.of_worker import reporting

    if reload:
        check_reload(modules)
    if parent_pipe is None:
        warn_of_misspelt()
    refuse_jobs_in_a_cluster(settings)
    url = needed_log_url(settings)
    settings = msgspec.structs.replace(settings, redis_url=url)
    if reload:
        from .reloading import run_reloading

        sys.exit(run_reloading(settings, worker_name(modules), ["worker", *modules]))
    end_with_parent(parent_pipe)
    write_log(settings.log_level, settings.log_format)
    speak_for_dramatiq()
    if not modules:
        make_directories(settings, ("media_dir", "output_dir"))
        with reporting(settings.metrics_dir):
            code = run_worker(settings)
        sys.exit(code)
    try:
        with reporting(settings.metrics_dir):
            code = run_own_worker(settings, modules, partial(wait_for_turn, turn_socket))
    except UnusableModule as error:
        # Not in a box: what Python says of a line points into it.
        click.echo(f"Error: {error}", err=True)
        sys.exit(UNUSABLE)
    sys.exit(code)
