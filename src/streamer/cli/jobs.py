"""``streamer jobs``: listed, cancelled, run again, from the shell."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import rich_click as click
from click.core import ParameterSource

from ..config.redacted import message
from ..config.settings import Settings
from ..errors import InvalidInput
from ..events.job_event import STATUSES
from ..events.topic import job_topic
from .command import Command
from .jobs_way import Asked, JobsWay, Refusal
from .options import with_settings
from .plain import plain

#: Jobs in one list, at most: as over HTTP.
_MAX_LISTED: Final = 200
#: Columns of a line in a pipe, more than any of its cells may need.
_WIDEST: Final = 1000
_WHERE: Final = ("redis_url", "data_dir", "prefix", "url", "token")


class _Group(Command, click.RichGroup):  # type: ignore[misc] # click has two ways to show help
    """A command that has others below it."""

    command_class = Command


@click.group(cls=_Group, invoke_without_command=True)
@click.option(
    "--state",
    "states",
    type=click.Choice(STATUSES),
    multiple=True,
    help="Only jobs in this state; may be repeated.",
    metavar="STATE",
)
@click.option("--project", metavar="ID", help="Only jobs of this project.")
@click.option(
    "--limit",
    type=click.IntRange(1, _MAX_LISTED),
    default=20,
    metavar="N",
    help=f"Jobs at most, up to {_MAX_LISTED}. Default: 20.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each job.")
@with_settings(*_WHERE)
@click.pass_context
def jobs(
    context: click.RichContext,
    settings: Settings,
    states: tuple[str, ...],
    project: str | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """List the jobs that were last heard of, the latest first; or cancel some, or run them again.

    STATE is one of queued, running, retrying, stalled, completed, failed and cancelled.
    They are those of the server at --url where that is given; else of the log: that of
    --redis-url, or of the `streamer run` on the same data directory. The exit code is 0
    if they could be listed, 1 if not, 2 for a wrong call.

    Example: streamer jobs --state failed --json | jq -r .job_id | xargs streamer jobs retry
    """
    if context.invoked_subcommand is not None:
        for name in context.params:
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                raise click.UsageError(
                    f"options come last: streamer jobs {context.invoked_subcommand} ID... --option"
                )
        return
    try:
        listed = JobsWay(settings).list(Asked(project, states, limit))
    except Refusal as error:
        raise click.ClickException(error.detail) from error
    found: list[dict[str, Any]] = listed["jobs"]
    if as_json:
        import msgspec

        for job in found:
            sys.stdout.buffer.write(msgspec.json.encode(job) + b"\n")
        return
    if not found:
        narrowed = " like these" if states or project is not None else ""
        click.echo(f"There are no jobs{narrowed}.", err=True)
        return
    from rich.console import Console

    from .job_table import show_jobs

    # In a pipe a line is as long as it is.
    width = None if sys.stdout.isatty() else _WIDEST
    show_jobs(found, Console(highlight=False, width=width), datetime.now(UTC))
    if listed["next"] is not None:
        more = f"; --limit {_MAX_LISTED} shows more" if limit < _MAX_LISTED else ""
        click.echo(f"There are older jobs{more}.", err=True)


@jobs.command(cls=Command)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@with_settings(*_WHERE)
def cancel(settings: Settings, ids: tuple[str, ...]) -> None:
    """Cancel jobs: at once where they wait, as soon as they can stop where they run.

    May be repeated. The exit code is 0 if each is cancelled or stopping, 1 if not,
    2 for a wrong call.

    Example: streamer jobs cancel 8f3c8a52-6b1f-4a55-9a0e-1c2d3e4f5a6b
    """
    way = JobsWay(settings)

    def one(job_id: str) -> str:
        status = way.cancel(job_id)["status"]
        if status in ("completed", "failed"):
            detail = f"job {job_id} is {status}; only one that is not over can be cancelled"
            raise Refusal(detail, gone=False)
        return "cancelled" if status == "cancelled" else "stopping"

    _each(ids, one)


@jobs.command(cls=Command)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@with_settings(*_WHERE)
def retry(settings: Settings, ids: tuple[str, ...]) -> None:
    """Run jobs again that failed or were cancelled, with what they were asked with.

    Each is the same job, and its events go on where they were. Only those that were asked
    for over HTTP can be. The exit code is 0 if each is queued, 1 if not, 2 for a wrong
    call.

    Example: streamer jobs retry 8f3c8a52-6b1f-4a55-9a0e-1c2d3e4f5a6b
    """
    way = JobsWay(settings)

    def one(job_id: str) -> str:
        return "queued" + (
            ", and no worker is running" if way.retry(job_id)["workers"] == 0 else ""
        )

    _each(ids, one)


def _each(ids: tuple[str, ...], do: Callable[[str], str]) -> None:
    """Do it to each, say what became of each, and exit with 1 if any was refused."""
    refused = False
    for job_id in ids:
        try:
            job_topic(job_id)
        except InvalidInput as error:
            raise click.UsageError(message(error.detail)) from error
    for job_id in ids:
        try:
            click.echo(f"{plain(job_id)} {do(job_id)}")
        except Refusal as error:
            if error.gone:  # so for all that follow
                raise click.ClickException(error.detail) from error
            refused = True
            click.echo(plain(error.detail), err=True)
    if refused:
        sys.exit(1)
