"""Engines of each kind that the outbox works with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import streamer
from support.postgres import Postgres


@pytest.fixture(params=["sqlite", "aiosqlite", "psycopg", "asyncpg"])
def driver(request: pytest.FixtureRequest) -> str:
    """With which driver a test works: two of SQLite, two of PostgreSQL."""
    return str(request.param)


@pytest.fixture
def database_url(driver: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database with the table in it, which is empty."""
    if "sqlite" in driver:
        plain = f"sqlite:///{tmp_path / 'db'}"
        url = plain if driver == "sqlite" else plain.replace("sqlite", "sqlite+aiosqlite", 1)
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        url, plain = postgres.url(driver), postgres.url("psycopg")
    engine = create_engine(plain)
    streamer.outbox_metadata.drop_all(engine)
    streamer.outbox_metadata.create_all(engine)
    engine.dispose()
    return url


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[Engine | AsyncEngine]:
    """An engine of the test's database, as its driver wants it."""
    if "asyncpg" in database_url or "aiosqlite" in database_url:
        for_asyncio = create_async_engine(database_url)
        yield for_asyncio
        await for_asyncio.dispose()
    else:
        for_threads = create_engine(database_url)
        yield for_threads
        # Connections are closed by the thread that used them last.
        await asyncio.to_thread(for_threads.dispose)
