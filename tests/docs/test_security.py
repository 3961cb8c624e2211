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


def test_it_says_where_nobody_is_asked() -> None:
    """And that elsewhere no server starts so; the README has the same."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for text in (SECURITY, readme):
        assert "On the loopback everybody on the machine may do everything" in text
        assert "STREAMER_AUTH=none" in text
        assert "](docs/TOKENS.md)" in text
