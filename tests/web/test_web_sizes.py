"""How much the client is, minified and compressed, as somebody's page has it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Final

import pytest

from support.front_end import bundle

ROOT: Final = Path(__file__).parents[2]
CLIENT: Final = "@streamer-sse/client"
COMPONENTS: Final = ("react", "element", "vue", "svelte")
#: By the row of docs/CLIENTS.md that says so: the modules, whether what is loaded when it is first
#: needed is counted too, and the most that it may be, in bytes. The words of other languages, which
#: a page loads when it speaks them, are counted apart.
SIZES: Final[dict[str, tuple[tuple[str, ...], bool, int]]] = {
    "`createClient`, and a subscription over SSE": (("client",), False, 4_750),
    "with React": (("client", "react"), False, 7_450),
    "with everything that is loaded when it is first needed": (("client",), True, 7_300),
    "all of it": (("client", *COMPONENTS), True, 10_700),
}
#: What components add to all of the client, as docs/COMPONENTS.md says.
ADDED: Final[dict[tuple[str, ...], int]] = {
    ("react",): 2_650,
    ("element",): 2_850,
    COMPONENTS: 3_500,
}
LANGUAGES: Final = 600
DOCS: Final = (ROOT / "docs" / "CLIENTS.md").read_text(encoding="utf-8")
#: Bytes that a size may differ from what is said of it.
NEAR: Final = 100


def size(directory: Path, modules: tuple[str, ...], *, all_of_it: bool) -> int:
    """Bundle `modules`; return the bytes of what is loaded at first, or of all in one file."""
    entry = directory / "entry.js"
    entry.write_text("\n".join(f'export * from "{CLIENT}/{name}.js";' for name in modules))
    out = directory / "out"
    frameworks = ("react", "svelte/store", "vue", "./languages.js")
    split = () if all_of_it else ("--splitting",)
    bundle(entry, out, *split, *(f"--external:{name}" for name in frameworks))
    loaded: set[Path] = set()
    wanted = {out / "entry.js"}
    while wanted:
        path = wanted.pop()
        loaded.add(path)
        imported = re.findall(r'(?:from|import)"\./([\w.-]+\.js)"', path.read_text())
        wanted |= {out / name for name in imported if (out / name).exists()} - loaded
    return len(gzip.compress(b"".join(path.read_bytes() for path in sorted(loaded)), 9))


@pytest.mark.parametrize("what", SIZES)
def test_the_client_is_small_and_as_large_as_is_said(tmp_path: Path, what: str) -> None:
    modules, all_of_it, most = SIZES[what]
    measured = size(tmp_path, modules, all_of_it=all_of_it)
    assert measured <= most
    row = re.search(rf"^\| {re.escape(what)} \| ([\d.]+) kB \|$", DOCS, re.MULTILINE)
    assert row is not None, what
    assert abs(float(row[1]) * 1000 - measured) <= NEAR, f"{what}: {measured} bytes"


@pytest.mark.parametrize("modules", ADDED, ids=" ".join)
def test_what_components_add_to_the_client_is_small(
    tmp_path: Path, modules: tuple[str, ...]
) -> None:
    client = size(tmp_path, ("client",), all_of_it=True)
    added = size(tmp_path, ("client", *modules), all_of_it=True) - client
    assert added <= ADDED[modules], f"{' '.join(modules)} adds {added} bytes"


def test_the_words_of_other_languages_are_small(tmp_path: Path) -> None:
    assert size(tmp_path, ("languages",), all_of_it=True) <= LANGUAGES
