"""What waits in the database: the oldest of it, and how it is removed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, inspect, select, update

from .table import WaitingRow

#: Rows of one turn: as many events as one append of the `Publisher` takes.
BATCH_ROWS: Final = 256
#: Characters of their fields, but for the first row: Redis answers nobody else while it
#: appends them.
BATCH_CHARACTERS: Final = 1024 * 1024
#: By which relays take turns in Postgres; one number of all numbers, for ever.
_ADVISORY_LOCK: Final = 0x5354_5245_414D_4552


class Waiting(NamedTuple):
    """A row that waits; see `WaitingRow`."""

    id: int
    key: str
    topics: list[str]
    type: str
    fields: str
    unless: list[str] | None


def is_there(connection: Connection) -> bool:
    """Whether the database has the table."""
    return inspect(connection).has_table(WaitingRow.__tablename__)


def take(connection: Connection) -> Sequence[Waiting]:
    """Return the oldest rows that are committed, in order; none while another relay has them.

    In Postgres the transaction is left open, whose end lets others have them. In SQLite
    nothing is held: there a lock would hold up those who publish.
    """
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres and not connection.scalar(
        select(func.pg_try_advisory_xact_lock(_ADVISORY_LOCK))
    ):
        return []
    columns = (getattr(WaitingRow, name) for name in Waiting._fields)
    found = connection.execute(
        select(*columns)
        .where(WaitingRow.refused.is_(None))
        .order_by(WaitingRow.id)
        .limit(BATCH_ROWS)
    ).all()
    if not is_postgres:
        connection.rollback()
    taken: list[Waiting] = []
    size = 0
    for row in found:
        size += len(row.fields)
        if taken and size > BATCH_CHARACTERS:
            break
        taken.append(Waiting(*row))
    return taken


def settle(connection: Connection, told: Collection[int], refused: Mapping[int, str]) -> None:
    """Remove the rows that are in the log, mark those that cannot be, and commit."""
    if told:
        connection.execute(delete(WaitingRow).where(WaitingRow.id.in_(told)))
    if refused:
        marks = [{"row": id_, "reason": reason} for id_, reason in refused.items()]
        connection.execute(
            update(WaitingRow.__table__)  # type: ignore[arg-type] # it is a Table
            .where(WaitingRow.id == bindparam("row"))
            .values(refused=bindparam("reason")),
            marks,
        )
    connection.commit()
