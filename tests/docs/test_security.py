"""What SECURITY.md and the templates of issues lead to is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from streamer.config.settings import SETTINGS

ROOT: Final = Path(__file__).parents[2]
SECURITY: Final = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_setting_that_it_names_exists() -> None:
    named = set(re.findall(r"`(STREAMER_[A-Z_]+)", SECURITY))
    assert "STREAMER_ALLOWED_ORIGINS" in named
    assert named <= {setting.variable for setting in SETTINGS.values()}


def test_every_file_and_directory_that_it_names_exists() -> None:
    for target in [*re.findall(r"\]\(([^)]+)\)", SECURITY), "requirements", "tests/fuzz"]:
        assert (ROOT / target).exists(), target


def test_it_says_that_there_is_no_authentication_while_there_is_none() -> None:
    """Whoever adds it finds this sentence, and the same one in the README."""
    assert "There is no authentication yet" in SECURITY
    assert "There is no authentication yet" in (ROOT / "README.md").read_text(encoding="utf-8")
