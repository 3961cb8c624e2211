"""``streamer restore``: a backup made the embedded event log of a data directory."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import rich_click as click

from ..config.settings import Settings
from ..events.cursor import Cursor
from .backup import no_such_log, refuse_a_redis_of_ones_own
from .command import Command
from .options import with_settings


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@with_settings("data_dir", "prefix")
@click.option("--replace", is_flag=True, help="Replace an event log that is there; it is kept.")
def restore(settings: Settings, file: Path, *, replace: bool) -> None:
    """Make what `streamer backup` wrote to FILE the event log of the data directory.

    Nothing may run there, and no log be there, unless it is to be replaced: then it is
    kept in `appendonlydir.replaced`. FILE is checked and loaded first, and nothing is changed
    if it is damaged, or was written by a newer Streamer. Readers whose cursors are of after
    the backup are told by a gap (`reset`), and ids go on above all that were given. The exit
    code is 0 if it was restored, 1 if not, 2 for a wrong call.

    Example: streamer restore streamer.rdb --data-dir data
    """
    from ..eventlog.embedded.in_place import REPLACED
    from ..eventlog.embedded.restore import restore_from

    refuse_a_redis_of_ones_own(settings)

    def settle(url: str) -> None:
        asyncio.run(_go_on(url, settings.prefix, file))

    is_replaced = restore_from(file, settings.data_dir, settle, replace=replace)
    click.echo(f"{settings.data_dir}: the event log of {file}")
    if is_replaced:
        click.echo(f"the one that was there is kept: {settings.data_dir / REPLACED}", err=True)


async def _go_on(url: str, prefix: str, file: Path) -> None:
    """See that the log is one that we know, and let it go on above all ids that were given."""
    from ..eventlog.redis.log import RedisEventLog
    from ..eventlog.redis.saving import prefixes_in

    if prefix not in (found := await prefixes_in(url)):
        raise click.ClickException(no_such_log(str(file), prefix, found))
    log = RedisEventLog(url, prefix=prefix)
    try:
        await log.go_on_above(Cursor(int(time.time() * 1000), 0))
    finally:
        await log.close()
