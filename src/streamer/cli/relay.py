"""``streamer relay``: what is committed in a database goes to the log."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import msgspec
import rich_click as click

from ..config.redacted import message
from ..config.settings import Settings
from ..processes.stop_signals import stop_signals
from .command import Command
from .log_url import needed_log_url
from .options import warn_of_misspelt, with_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine


@click.command(cls=Command)
@click.argument("database_url", envvar="DATABASE_URL")
@with_settings("redis_url", "data_dir", "prefix", "log_level")
def relay(settings: Settings, database_url: str) -> None:
    """Relay what was published within transactions of a database to the event log.

    DATABASE_URL is as SQLAlchemy has it, of PostgreSQL or SQLite, with any driver that is
    installed; it may be the variable of that name, where nobody reads the password. The
    log is that of --redis-url, or of the `streamer run` on the same data directory.
    Several may run at once. While the log or the database is away it waits. The exit code
    is 0 if it was asked to stop, 1 if it could not start, 2 for a wrong call.

    Example: streamer relay postgresql+psycopg://app@localhost/shop
    """
    from ..processes.log_lines import write_log

    warn_of_misspelt()
    settings = msgspec.structs.replace(settings, redis_url=needed_log_url(settings))
    engine = _engine(database_url)
    write_log(settings.log_level, settings.log_format)
    asyncio.run(_relay(settings, engine))
    sys.exit(0)


def _engine(url: str) -> Engine | AsyncEngine:
    """The engine of a URL, not connected.

    Raises:
        click.UsageError: it is no URL of SQLAlchemy's, or of another database.
        click.ClickException: something has to be installed.
    """
    try:
        from sqlalchemy import create_engine, make_url
        from sqlalchemy.exc import ArgumentError
        from sqlalchemy.ext.asyncio import create_async_engine

        from ..sql.database import check_engine
    except ImportError as error:
        raise _not_installed(error) from error
    try:
        # Whoever is given one with the scheme of libpq should not have to rewrite it.
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
        make = create_async_engine if parsed.get_dialect().is_async else create_engine
        engine = make(parsed, pool_pre_ping=True)
        check_engine(engine)
    except ImportError as error:
        raise _not_installed(error) from error
    except (ArgumentError, ValueError) as error:
        raise click.UsageError(f"DATABASE_URL: {message(str(error))}") from error
    return engine


def _not_installed(error: ImportError) -> click.ClickException:
    return click.ClickException(
        f"{error}; get it with: pip install 'streamer-sse[sqlalchemy]', and the driver that "
        "DATABASE_URL names, as psycopg for postgresql+psycopg://"
    )


async def _relay(settings: Settings, engine: Engine | AsyncEngine) -> None:
    from ..eventlog.open import open_event_log
    from ..publishing.publisher import Publisher
    from ..sql.relay import Relay

    log = open_event_log(settings)
    relay_ = Relay(engine, Publisher(log))
    try:
        await _check_table(engine)
        click.echo(f"Relaying {engine.url!r}", err=True)
        running = asyncio.create_task(relay_.run())
        for number in stop_signals():
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        await asyncio.wait({running})
        click.echo(f"Relayed {relay_.relayed} events", err=True)
    finally:
        await log.close()


async def _check_table(engine: Engine | AsyncEngine) -> None:
    """Refuse a database in which nothing can wait.

    Raises:
        click.ClickException: it cannot be reached, or has no such table.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from ..sql.database import connection_of
    from ..sql.waiting_rows import is_there

    try:
        async with connection_of(engine) as run:
            found = await run(is_there)
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", error)).strip()
        raise click.ClickException(f"the database does not answer: {message(reason)}") from error
    if not found:
        raise click.ClickException(
            f"{engine.url!r} has no table streamer_outbox; add streamer.outbox_metadata to the "
            "metadata of your migrations, or call its create_all(engine)"
        )
