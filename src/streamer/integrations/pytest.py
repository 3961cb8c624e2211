"""pytest: the fixtures, which it finds by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

# Each fixture imports what it needs: a suite that uses none pays for nothing.
if TYPE_CHECKING:
    from ..publishing.publisher import Publisher
    from ..publishing.sync_publisher import SyncPublisher
    from ..testing.clock import FakeClock
    from ..testing.recording import RecordingLog


@pytest.fixture
def streamer_clock() -> FakeClock:
    """A clock that stands still until the test says ``streamer_clock.advance(seconds)``."""
    from ..testing.clock import FakeClock  # noqa: PLC0415 - see above

    return FakeClock()


@pytest.fixture
def streamer_log(streamer_clock: FakeClock) -> Iterator[RecordingLog]:
    """A log in memory, by `streamer_clock`, for `assert_published` and `create_app`.

    Meanwhile `streamer.job` and `streamer.install` that name no log report to it.
    """
    from ..jobs.shared import reporting_by  # noqa: PLC0415 - see above
    from ..testing.recording import RecordingLog  # noqa: PLC0415

    log = RecordingLog(streamer_clock)
    with reporting_by(log.sync_publisher):
        yield log
    log.sync_publisher.close()


@pytest.fixture
def streamer_publisher(streamer_log: RecordingLog) -> Publisher:
    """Publishes to `streamer_log` from an event loop."""
    return streamer_log.publisher


@pytest.fixture
def streamer_sync_publisher(streamer_log: RecordingLog) -> SyncPublisher:
    """Publishes to `streamer_log` from any thread."""
    return streamer_log.sync_publisher
