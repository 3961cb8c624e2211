"""Appends to the log what was committed in a database, in order, each once.

Its order, over any number of relays, rests on three things:

- a row's id is given when it is written, and ids increase: whoever writes after a
  transaction was committed gets a higher id than any row of that one;
- a relay takes the rows with the lowest ids of all that are committed: so a row that
  was committed before another was written is in an earlier batch, or before it;
- a batch is appended in its order, each row by its key: what another relay has appended
  already is appended no second time, however late this one comes.

So nobody waits for a transaction that is still open: its rows follow when it is
committed. And a relay that is killed before it has removed what it appended, or that
was frozen meanwhile, changes nothing: the log knows a key for a day.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from ..backoff import Backoff
from ..errors import InvalidInput, LogUnavailable
from ..events.new_event import NewEvent, new_event
from ..every import every
from ..publishing.publisher import Publisher
from .database import check_engine, connection_of
from .waiting_rows import Waiting, settle, take

#: Seconds between two looks at a table that was empty.
EVERY: Final = 0.1
#: Seconds between attempts while the log or the database is away: first, and at most.
BACKOFF: Final = Backoff(0.1, 5.0)
#: Seconds that a relay which is stopped gives the batch that is under way.
GRACE: Final = 5.0
#: Bytes of an event that were allowed by whoever wrote the row: no limit of ours.
_ANY_SIZE: Final = 2**62

_logger: Final = logging.getLogger(__name__)
#: Made once: a type that is no class is read anew for each call.
_fields: Final = msgspec.json.Decoder(dict[str, Any])


class Relay:
    """Takes what waits to the log, until cancelled.

    Args:
        engine: of PostgreSQL or SQLite, for threads or for asyncio.
        publisher: of the log.
        seconds: between two looks at a table that was empty.

    Raises:
        TypeError: `engine` is none.
        ValueError: it is of another database.
    """

    def __init__(
        self, engine: Engine | AsyncEngine, publisher: Publisher, *, seconds: float = EVERY
    ) -> None:
        check_engine(engine)
        self._engine: Final = engine
        self._publisher: Final = publisher
        self._seconds: Final = seconds
        self._is_away = False
        #: Events that this relay has taken to the log.
        self.relayed = 0

    async def run(self) -> None:
        """Relay until cancelled, whatever becomes of the log and the database."""
        await every(
            self._seconds, self._attempt, "relaying the outbox", logger=_logger, backoff=BACKOFF
        )

    async def _attempt(self) -> None:
        """Relay all that waits; whichever of the two is away, it is reported once."""
        away = ""
        try:
            await self.relay_all()
        except LogUnavailable as error:
            away = f"the event log is away, events wait in the database: {error}"
            raise
        except (SQLAlchemyError, OSError) as error:
            away = f"the database is away, events wait in it: {getattr(error, 'orig', error)}"
            raise LogUnavailable(away) from error
        finally:
            self._report(away)

    def _report(self, away: str) -> None:
        if away and not self._is_away:
            _logger.warning("%s", away)
        elif self._is_away and not away:
            _logger.warning("events go from the database to the log again")
        self._is_away = bool(away)

    async def relay_all(self) -> None:
        """Relay all that waits.

        Raises:
            LogUnavailable: it could not be reached; everything waits where it is.
            SQLAlchemyError, OSError: the same, of the database.
        """
        while await self._batch():
            pass

    async def _batch(self) -> int:
        """Relay a batch, and return how many there were; one that has begun ends."""
        batch = asyncio.ensure_future(self._relay_batch())
        try:
            return await asyncio.shield(batch)
        except asyncio.CancelledError:
            await asyncio.wait({batch}, timeout=GRACE)
            batch.cancel()
            raise

    async def _relay_batch(self) -> int:
        async with connection_of(self._engine) as run:
            rows = await run(take)
            if not rows:
                return 0
            events, refused = _read(rows)
            await self._publisher.append_all(list(events.values()))
            await run(partial(settle, told=events.keys(), refused=refused))
        self.relayed += len(events)
        return len(rows)


@asynccontextmanager
async def relay(
    engine: Engine | AsyncEngine, publisher: Publisher, *, seconds: float = EVERY
) -> AsyncIterator[None]:
    """Relay what is published within transactions, from here to the end of the block.

    Args:
        engine: of PostgreSQL or SQLite: what `create_engine` or `create_async_engine` made.
        publisher: of the log, such as ``live.publisher``.
        seconds: between two looks at a table that was empty.

    Raises:
        TypeError: `engine` is none.
        ValueError: it is of another database.
    """
    task = asyncio.create_task(Relay(engine, publisher, seconds=seconds).run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _read(rows: Sequence[Waiting]) -> tuple[dict[int, NewEvent], dict[int, str]]:
    """The events of `rows` by id, and why the others are none.

    Rows of ours were checked before they were written; others write to a table, too.
    """
    events: dict[int, NewEvent] = {}
    refused: dict[int, str] = {}
    for row in rows:
        try:
            events[row.id] = new_event(
                row.topics,
                row.type,
                _fields.decode(row.fields),
                idempotency_key=row.key,
                unless=row.unless or (),
                max_bytes=_ANY_SIZE,
            )
        except (InvalidInput, msgspec.DecodeError, TypeError) as error:
            refused[row.id] = str(error)
            _logger.error("row %d of the outbox can be no event: %s", row.id, error)  # noqa: TRY400
    return events, refused
