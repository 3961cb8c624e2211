"""docs/RETENTION.md says what the settings do."""

from __future__ import annotations

import re
import shlex
from typing import Final

from streamer.config.retention import Retention, RetentionPolicy
from streamer.config.settings import Settings
from support.documents import blocks, document

DAYS: Final = {"a day": 1, "30 days": 30, "90 days": 90}


def policies() -> list[RetentionPolicy]:
    """Those of the commands that it shows."""
    found = []
    for block in blocks("docs/RETENTION.md", "sh"):
        words = shlex.split(block)
        environ = dict(word.split("=", 1) for word in words if word.startswith("STREAMER_"))
        found.append(Settings.from_env(environ).retention_policy())
    return found


def test_its_table_is_what_is_kept_if_nobody_says_otherwise() -> None:
    policy = Settings.from_env({}).retention_policy()
    rows = re.findall(
        r"^\| (.+) \| ([\d,]+) \| (.+) \|$", document("docs/RETENTION.md"), re.MULTILINE
    )
    told: dict[str, Retention] = {}
    for topics, length, rest in rows:
        kept = Retention(int(length.replace(",", "")), DAYS[rest] * 86400.0)
        told |= {topic.removesuffix("/…"): kept for topic in re.findall(r"`([^`]+)`", topics)}
    assert told == {topic: policy.of(f"{topic}/1") for topic in told}
    assert set(policy.prefixes) <= set(told)


def test_its_commands_do_what_it_says() -> None:
    everywhere, by_prefix = policies()
    assert everywhere.of("shop/1") == Retention(5000, 7 * 86400.0)
    assert by_prefix.of("jobs/1") == Retention(500, 86400.0)
    assert by_prefix.of("shop/orders/7") == Retention(100_000, 30 * 86400.0)
    assert by_prefix.of("shop/baskets/7") == Retention(50, 3600.0)
    assert by_prefix.of("shopping") == Retention()
