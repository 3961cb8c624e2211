"""The file that the type checkers read has all of the public API in it."""

from __future__ import annotations

import ast
from pathlib import Path

import streamer
import streamer.client


def test_every_public_name_is_used_as_a_user_would() -> None:
    text = Path(__file__).with_name("public_api.py").read_text(encoding="utf-8")
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert set(streamer.__all__) | set(streamer.client.__all__) <= used
