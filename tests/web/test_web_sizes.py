"""What the components add to the client, minified and compressed, as somebody's page has them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from support.front_end import bundle

CLIENT = "@streamer-sse/client"
#: Bytes beyond the client and what it may load later, all in one bundle, with styles and English.
#: The words of other languages, which a page loads when it speaks them, are counted apart.
LIMITS = {
    ("react",): 2700,
    ("element",): 2900,
    ("react", "element", "vue", "svelte"): 3600,
}
LANGUAGES = 600


def size(directory: Path, *modules: str) -> int:
    """Bundle `modules` of the client into one file; return its size in bytes."""
    entry = directory / "entry.js"
    entry.write_text("\n".join(f'export * from "{CLIENT}/{name}.js";' for name in modules))
    frameworks = [
        f"--external:{name}" for name in ("react", "svelte/store", "vue", "./languages.js")
    ]
    bundle(entry, directory / "out.js", *frameworks)
    return len(gzip.compress((directory / "out.js").read_bytes(), 9))


@pytest.mark.parametrize("modules", LIMITS, ids=" ".join)
def test_what_components_add_to_the_client_is_small(
    tmp_path: Path, modules: tuple[str, ...]
) -> None:
    added = size(tmp_path, "client", *modules) - size(tmp_path, "client")
    assert added <= LIMITS[modules], f"{' '.join(modules)} adds {added} bytes"


def test_the_words_of_other_languages_are_small(tmp_path: Path) -> None:
    assert size(tmp_path, "languages") <= LANGUAGES
