"""The rules of a log, as text that its processes compare."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import msgspec
import pytest

from streamer.config.retention import Retention, RetentionPolicy
from streamer.config.rules import Rules
from streamer.config.settings import Settings
from streamer.config.unread import Counted, UnreadPolicy

#: Prints what a server with these settings says.
_SAY: Final = """
from streamer.config.rules import Rules
from streamer.config.settings import Settings
settings = Settings.from_env()
print(Rules(settings.retention_policy(), settings.unread_policy()).text.decode())
"""


def said(seed: str, **settings: str) -> bytes:
    """What a process says whose sets are in an order of their own."""
    environ = {**os.environ, **settings, "PYTHONHASHSEED": seed}
    return subprocess.run(
        [sys.executable, "-c", _SAY], env=environ, capture_output=True, check=True
    ).stdout.strip()


def test_what_is_read_is_what_was_said() -> None:
    rules = Rules(
        RetentionPolicy(Retention(7, 60.0), {"chats": Retention(9)}),
        UnreadPolicy({"chats": Counted(frozenset({"said", "call"}), is_all_but=True)}),
    )
    read = Rules.read(rules.text)
    assert read.text == rules.text
    assert read.retention.of("chats/1") == Retention(9)
    assert read.retention.of("jobs/1") == Retention(7, 60.0)
    assert read.unread.of("users/7") is None
    counted = read.unread.of("chats/1")
    assert counted is not None
    assert [counted.counts(name) for name in ("said", "call", "message")] == [False, False, True]


def test_two_processes_with_the_same_settings_say_the_same() -> None:
    """Or each would lay out its first append twice."""
    setting = {"STREAMER_UNREAD": "users=!read+progress+seen+typing+moved,chats=message+call+said"}
    assert said("1", **setting) == said("2", **setting)
    assert said("1") == Rules(Settings().retention_policy(), Settings().unread_policy()).text
    assert said("1", **setting) != said("1")


def test_rules_of_a_newer_version_are_kept_as_they_are() -> None:
    newer = Rules().text[:-1] + b',"compacted":{"chats":true}}'
    assert Rules.read(newer).text == newer


@pytest.mark.parametrize("text", [b"", b"{}", b"rules", b'{"retention":7}'])
def test_what_are_no_rules_is_refused(text: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        Rules.read(text)
