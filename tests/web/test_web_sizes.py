"""What the components add to the client, as a visitor of somebody's page downloads it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from support.front_end import bundle

CLIENT = "@streamer-sse/client"
#: Minified and gzipped bytes that a browser loads at first, beyond the client itself.
LIMITS = {
    ("react",): 3000,
    ("element",): 4500,
    ("react", "element", "vue", "svelte"): 5000,
}


def size(directory: Path, *modules: str) -> int:
    """Bundle `modules` and the client; return what is loaded at first, in bytes."""
    entry = directory / "entry.js"
    lines = [f'export * as {name} from "{CLIENT}/{name}.js";' for name in modules]
    entry.write_text("\n".join([f'export * from "{CLIENT}";', *lines]))
    # What is imported when it is needed is a file of its own.
    out = directory / "-".join(["out", *modules])
    bundle(entry, out, "--splitting", "--external:react", "--external:vue")
    first = out / "entry.js"
    loaded = [first.read_bytes()]
    for name in sorted(path.name for path in out.iterdir()):
        if f'from"./{name}"'.encode() in loaded[0] or f'import"./{name}"'.encode() in loaded[0]:
            loaded.append((out / name).read_bytes())
    return len(gzip.compress(b"".join(loaded), 9))


@pytest.mark.parametrize("modules", LIMITS, ids=" ".join)
def test_what_components_add_to_the_client_is_small(
    tmp_path: Path, modules: tuple[str, ...]
) -> None:
    added = size(tmp_path, *modules) - size(tmp_path)
    assert added <= LIMITS[modules], f"{' '.join(modules)} adds {added} bytes"
