"""The table of what was published within transactions and waits for the log."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, DateTime, Integer, String, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ..events.new_event import MAX_KEY_LENGTH


class _Tables(DeclarativeBase):
    """Apart from the application's own, whose metadata knows nothing of ours."""


class WaitingRow(_Tables):
    """One event of a transaction.

    Attributes:
        id: increases in the order in which rows are written, and is never given twice.
        key: its idempotency key, by which it is in the log once.
        topics: its topics, of which the first is that of the key.
        type: its type.
        fields: one line of JSON, an object.
        unless: keys of other events, as of `NewEvent`; null for none.
        added: when it was written, for whoever looks after the table.
        refused: why it cannot be an event, for a row that was written by other hands;
            it is left where it is, and the others go on.
    """

    __tablename__ = "streamer_outbox"
    # Without it SQLite would give the id of a row that is gone to the next one.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - as SQLAlchemy has it

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(MAX_KEY_LENGTH))
    topics: Mapped[list[str]] = mapped_column(JSON)
    type: Mapped[str] = mapped_column(String(64))
    fields: Mapped[str] = mapped_column(Text)
    unless: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    added: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.current_timestamp()
    )
    refused: Mapped[str | None] = mapped_column(Text)


#: The table `streamer_outbox`, for `create_all` and for migrations.
outbox_metadata = _Tables.metadata
