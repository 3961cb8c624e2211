"""Somebody's front end: a page that is bundled as theirs would be, at a port of its own."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

import streamer

from .requirements import needs
from .waiting import LONG_DEADLINE

_ROOT: Final = Path(__file__).parents[2]
_MODULES: Final = _ROOT / "tools" / "js" / "node_modules"
_CLIENT: Final = Path(streamer.__file__).parent / "web" / "client"
_PAGES: Final = _ROOT / "tests" / "e2e" / "pages"

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'self'; connect-src *; img-src data:">
<title>Somebody's front end</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="page.css">
<main id="root"></main>
<script type="module" src="{name}.js"></script>
</html>
"""
_STYLE: Final = """:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; padding: 1rem; background: Canvas; color: CanvasText; }
.bars { max-width: 40rem; display: grid; gap: 1.5rem; }
.bars + .bars { margin-top: 2rem; }
.bar { display: flex; align-items: center; justify-content: space-between; gap: 1rem; }
.bar h1 { margin: 0; font-size: 1.25rem; }
"""


def js_module(name: str) -> Path:
    """A file of the JavaScript tools; without them skip the test, or fail it if ``CI`` is true."""
    path = _MODULES / name
    if not path.exists():
        reason = f"{path} is missing; get it with: make tools/js/node_modules/.ready"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return path


def bundle(entry: Path, out: Path, *arguments: str, react: int = 19) -> None:
    """Bundle and minify `entry` into `out`, a file or a directory, with React 18 or 19."""
    suffix = "" if react == 19 else "18"
    aliases = {
        "react": _MODULES / f"react{suffix}",
        "react-dom": _MODULES / f"react-dom{suffix}",
        "svelte/store": _MODULES / "svelte/src/store/index-client.js",
        "vue": _MODULES / "vue/dist/vue.runtime.esm-bundler.js",
        "@streamer-sse/client": _CLIENT,
    }
    command: list[str | Path] = [
        *(needs("node"), js_module("esbuild/bin/esbuild"), entry),
        f"--outfile={out}" if out.suffix else f"--outdir={out}",
        *("--bundle", "--minify", "--format=esm", "--log-level=error", *arguments),
        *(
            f"--alias:{name}={path}"
            for name, path in aliases.items()
            if f"--external:{name}" not in arguments
        ),
    ]
    if not arguments:
        # A development build: it is the one whose StrictMode mounts twice.
        command.append('--define:process.env.NODE_ENV="development"')
    subprocess.run(command, check=True, timeout=LONG_DEADLINE, cwd=_MODULES.parent)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its own name
        """Nothing: a test's output is its own."""


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve the files of a directory, at a port of its own; the address."""
    handler = partial(_Quiet, directory=str(directory))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


#: Bundles and serves a page, a name in tests/e2e/pages or a file; which React; returns its address.
FrontEnd = Callable[..., str]


@pytest.fixture
def front_end(tmp_path: Path) -> Iterator[FrontEnd]:
    """Serve pages until the test ends."""
    with ExitStack() as stack:

        def serve(page: str | Path, react: int = 19) -> str:
            entry = page if isinstance(page, Path) else _PAGES / f"{page}.mjs"
            name = entry.stem
            directory = tmp_path / f"{name}-{react}"
            bundle(entry, directory / f"{name}.js", react=react)
            (directory / "index.html").write_text(_PAGE.format(name=name))
            (directory / "page.css").write_text(_STYLE)
            return stack.enter_context(served(directory))

        yield serve
