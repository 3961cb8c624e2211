"""What `streamer.testing` promises, and that docs/TESTING.md passes in a pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import streamer
from streamer.jobs.shared import reporting_by
from streamer.testing import (
    FakeClock,
    RecordingLog,
    assert_not_published,
    assert_published,
)
from support.documents import document, file_in
from support.waiting import DEADLINE, LONG_DEADLINE

DOCUMENT: Final = "docs/TESTING.md"


@pytest.fixture
def log() -> RecordingLog:
    return RecordingLog()


async def test_what_both_publishers_publish_is_recorded_in_the_order_of_the_log(
    log: RecordingLog,
) -> None:
    log.sync_publisher.publish("chats/1", "said", {"text": "a"})
    assert_published(log, "chats/1", "said", text="a")
    await log.publisher.publish(["chats/1", "users/7"], "said", {"text": "b", "n": 1})
    await log.publisher.publish("chats/1", "typing", ephemeral=True)
    assert [event.fields for event in log.published] == [{"text": "a"}, {"text": "b", "n": 1}, {}]
    assert [event.id is None for event in log.published] == [False, False, True]
    assert assert_published(log, "users/7", "said", text="b").topics == ("chats/1", "users/7")


async def test_what_was_not_appended_for_its_key_is_not_recorded_again(log: RecordingLog) -> None:
    for _ in range(2):
        await log.publisher.publish("chats/1", "said", idempotency_key="once")
    assert len(log.published) == 1


async def test_a_failure_says_what_was_published_instead(log: RecordingLog) -> None:
    with pytest.raises(AssertionError, match="nothing was published at all"):
        assert_published(log, "orders/1", "paid")
    await log.publisher.publish("orders/1", "paid", {"amount": 5})
    with pytest.raises(AssertionError) as caught:
        assert_published(log, "orders/1", "paid", amount=6)
    said = "no paid amount=6 was published on orders/1; what was:\n  paid amount=5"
    assert str(caught.value) == said
    with pytest.raises(AssertionError, match="only on: orders/1"):
        assert_published(log, "orders/2", "paid")
    with pytest.raises(AssertionError, match="paid amount=5 was published on orders/1, and should"):
        assert_not_published(log, "orders/1", "paid")
    assert_not_published(log, "orders/1", "paid", amount=6)


async def test_its_clock_is_the_time_of_events() -> None:
    log = RecordingLog(FakeClock(1_000.0))
    first = await log.publisher.publish("chats/1", "said")
    log.clock.advance(2.5)
    second = await log.publisher.publish("chats/1", "said")
    assert first is not None
    assert second is not None
    assert (first.ms, second.ms) == (1_000_000, 1_002_500)


def test_after_the_fixture_a_job_reports_to_its_own_log_again(
    log: RecordingLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here that is none."""
    monkeypatch.delenv("STREAMER_REDIS_URL", raising=False)
    monkeypatch.setenv("STREAMER_DATA_DIR", str(tmp_path))
    with reporting_by(log.sync_publisher), streamer.job("encode") as during:
        pass
    assert_published(log, f"jobs/{during.id}", "completed")
    count = len(log.published)
    with streamer.job("encode"):
        pass
    assert len(log.published) == count


def test_the_tests_of_the_document_pass_in_a_pytest_that_finds_the_plugin(tmp_path: Path) -> None:
    names = re.findall(r"^\*\*`(\w+\.py)`\*\*", document(DOCUMENT), re.MULTILINE)
    assert len(names) == 5
    for name in names:
        (tmp_path / name).write_text(file_in(DOCUMENT, name), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "streamer.integrations.pytest"]
    ran = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tmp_path), "."],
        # By name, and not by what is installed here: that may be of another tree.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONG_DEADLINE,
    )
    assert "5 passed" in ran.stdout, ran.stdout + ran.stderr


def test_the_plugin_is_an_entry_point_and_imports_no_more_than_pytest() -> None:
    import tomllib

    project = tomllib.loads(document("pyproject.toml"))["project"]
    assert project["entry-points"]["pytest11"] == {"streamer": "streamer.integrations.pytest"}
    text = "import sys, streamer.integrations.pytest; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=DEADLINE
    ).stdout.split()
    assert {"litestar", "redis", "dramatiq", "msgspec"}.isdisjoint(loaded)
