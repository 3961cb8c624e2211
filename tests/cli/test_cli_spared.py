"""What our dependencies import at once is imported when it is used, and then is itself."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from streamer.cli.spared import LATER

#: In a process of its own: this one has imported everything.
_SPARE = """
import sys
from streamer.cli.spared import import_later, without_telemetry
"""


def _run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", _SPARE + program], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("name", LATER)
def test_what_comes_later_is_there_when_something_of_it_is_asked_for(name: str) -> None:
    attribute = {"pdb": "post_mortem", "yaml": "dump"}[name]
    program = f"""
import_later()
import {name} as early
before = set(sys.modules)
early.{attribute}
assert set(sys.modules) - before, "nothing was imported"
import {name} as late
assert late.{attribute} is early.{attribute}
assert late is not early and late.__file__ == early.__file__
"""
    _run(program)


def test_a_part_of_what_comes_later_is_imported_as_ever() -> None:
    _run(
        "import_later(); from yaml.error import YAMLError; assert issubclass(YAMLError, Exception)"
    )


def test_what_is_imported_already_is_left_as_it_is() -> None:
    _run("import yaml; import_later(); assert sys.modules['yaml'].__file__")


def test_the_framework_imports_all_of_it_and_uses_it_later() -> None:
    program = """
import_later()
from litestar.openapi import plugins
assert "bdb" not in sys.modules and "yaml.loader" not in sys.modules
assert plugins.yaml.dump(1) == "1\\n...\\n"
"""
    _run(program)


@pytest.mark.skipif(find_spec("opentelemetry") is None, reason="there is none anyway")
def test_who_looks_for_telemetry_meanwhile_finds_none_and_afterwards_does() -> None:
    program = """
with without_telemetry():
    from redis.observability import providers
    assert not providers.OTEL_AVAILABLE
assert not any(name.partition(".")[0] == "opentelemetry" for name in sys.modules)
from opentelemetry import trace
"""
    _run(program)


@pytest.mark.skipif(find_spec("opentelemetry") is None, reason="it cannot be imported")
def test_whoever_has_imported_telemetry_has_it() -> None:
    program = """
from opentelemetry import trace
with without_telemetry():
    import opentelemetry.metrics
    from redis.observability import providers
    assert sys.modules["opentelemetry.trace"] is trace
"""
    _run(program)
