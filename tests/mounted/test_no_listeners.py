"""Apps of ours have no listeners of events within a program, and no task that waits for any."""

from __future__ import annotations

import asyncio

import pytest
from litestar.exceptions import ImproperlyConfiguredException

from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog


async def test_what_is_emitted_is_refused_as_the_framework_does_it() -> None:
    app = create_app(Settings(), MemoryEventLog())
    async with app.event_emitter as emitter:
        with pytest.raises(
            ImproperlyConfiguredException, match="no event listeners are registered"
        ):
            app.emit("something", 1, named=2)
        assert emitter is app.event_emitter


async def test_it_has_no_task() -> None:
    app = create_app(Settings(), MemoryEventLog())
    before = asyncio.all_tasks()
    async with app.event_emitter:
        assert asyncio.all_tasks() == before
