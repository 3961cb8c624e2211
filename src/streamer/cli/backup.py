"""``streamer backup``: the embedded event log in one file, while it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import rich_click as click

from ..config.redis_url import without_password
from ..config.settings import Settings
from .command import Command
from .options import with_settings
from .share_bar import share_bar


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@with_settings("data_dir", "prefix")
@click.option("--replace", is_flag=True, help="Replace FILE if it is there.")
def backup(settings: Settings, file: Path, *, replace: bool) -> None:
    """Write the embedded event log, with jobs that wait, to FILE, as it is in one moment.

    Whether or not `streamer run` is running on the data directory, and without it stopping.
    FILE is there once all of it is on the disk and was read back; nobody else may read it.
    Videos, results and uploads are files of their own. `streamer restore` loads it. The
    exit code is 0 if FILE was written, 1 if not, 2 for a wrong call.

    Example: streamer backup streamer.rdb
    """
    from ..eventlog.embedded.backup import backup_to
    from ..eventlog.redis.saving import prefixes_in, save

    refuse_a_redis_of_ones_own(settings)
    with _server(settings) as url:
        if settings.prefix not in (found := asyncio.run(prefixes_in(url))):
            raise click.ClickException(no_such_log(str(settings.data_dir), settings.prefix, found))
        with (
            backup_to(file, settings.data_dir, settings.disk_reserve, replace=replace),
            share_bar("Saving the event log") as show,
        ):
            asyncio.run(save(url, show))
    click.echo(f"{file}: {file.stat().st_size:,} bytes, checked")


def refuse_a_redis_of_ones_own(settings: Settings) -> None:
    """Stop a command that is about the embedded server where that is not the event log.

    Raises:
        click.UsageError: saying what to do instead.
    """
    if settings.redis_url is not None:
        raise click.UsageError(
            f"the event log is at {without_password(settings.redis_url)} (STREAMER_REDIS_URL), and "
            "not the embedded one of a data directory: back it up as its operator does, with "
            "BGSAVE and a copy of its file, or as its host offers it; docs/UPGRADE.md"
        )


def no_such_log(place: str, prefix: str, found: list[str]) -> str:
    """What is said where no log of `prefix` is in `place`, though those `found` are."""
    others = f"; it has those of {', '.join(found)}" if found else ""
    return f"{place} holds no event log of the prefix {prefix} (STREAMER_PREFIX){others}"


@contextlib.contextmanager
def _server(settings: Settings) -> Iterator[str]:
    """The URL of the server that runs on the data directory, or of one that does meanwhile."""
    from ..eventlog.embedded.data_lock import running_url
    from ..eventlog.embedded.in_place import has_log
    from ..eventlog.embedded.server import EmbeddedServer

    url = running_url(settings.data_dir)
    if url is not None:
        yield url
        return
    if not has_log(settings.data_dir):
        raise click.ClickException(
            f"{settings.data_dir} has no event log; name the directory of one with --data-dir or "
            "STREAMER_DATA_DIR"
        )
    with EmbeddedServer(settings.data_dir) as server:
        yield server.url
