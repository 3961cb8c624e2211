"""What docs/OUTBOX.md shows is so: its app, and its migration."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

import streamer
from streamer.sql.waiting_rows import BATCH_CHARACTERS, BATCH_ROWS
from support.documents import document, file_in
from support.mounting import Mounted
from support.postgres import Postgres
from support.readers import sse
from support.servers import Server

DOCUMENT = "docs/OUTBOX.md"


async def test_its_app_tells_what_it_has_committed(
    tmp_path: Path, redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}")
    (tmp_path / "outbox_shop.py").write_text(file_in(DOCUMENT, "outbox_shop.py"), "utf-8")
    mounted = Mounted(tmp_path, "outbox_shop:app", "uvicorn", redis_server.url)
    with mounted.running() as program:
        async with (
            httpx.AsyncClient(base_url=mounted.url) as client,
            sse(mounted.url, "/live/api/v1/stream?topic=orders") as stream,
        ):
            await stream.has("connected", "caught_up")
            assert (await client.post("/pay?amount=5")).status_code == 200
            assert (await client.post("/pay?amount=no")).status_code == 422
            await stream.has("connected", "caught_up", "paid")
            assert stream.events[-1].body["amount"] == 5
        assert program.stop() in {0, -15}, str(program)
    assert "Traceback" not in program.err, program.err


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_migration_makes_the_table_once_and_finds_nothing_to_change_then(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert "target_metadata = [Base.metadata, streamer.outbox_metadata]" in document(DOCUMENT)
    url = f"sqlite:///{tmp_path / 'db'}"
    if database == "postgres":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.url("psycopg")
    engine = create_engine(url)
    streamer.outbox_metadata.drop_all(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        ((what, table),) = compare_metadata(context, streamer.outbox_metadata)
        assert (what, table.name) == ("add_table", "streamer_outbox")
        connection.rollback()
        streamer.outbox_metadata.create_all(engine)
        assert compare_metadata(context, streamer.outbox_metadata) == []
    engine.dispose()


def test_its_bounds_are_those_of_the_code() -> None:
    assert f"{BATCH_ROWS} events and {BATCH_CHARACTERS // 2**20} MiB" in document(DOCUMENT)
