"""How much the client is, minified and compressed, as somebody's page has it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Final

import pytest

import streamer
from support.front_end import bundle

ROOT: Final = Path(__file__).parents[2]
CLIENT: Final = "@streamer-sse/client"
CLIENT_FILES: Final = Path(streamer.__file__).parent / "web" / "client"
COMPONENTS: Final = ("react", "element", "vue", "svelte")
#: By the row of docs/CLIENTS.md that says so: the modules, whether what is loaded later is
#: counted too, and the most that it may be, in bytes. The words of other languages, which
#: a page loads when it speaks them, are counted apart.
SIZES: Final[dict[str, tuple[tuple[str, ...], bool, int]]] = {
    "what a page loads first: `createClient`, up to its first request": (("client",), False, 3_000),
    "with React": (("client", "react"), False, 6_000),
    "with React, Vue, Svelte and the element": (("client", *COMPONENTS), False, 8_000),
    "with `more.js`, which is loaded beside the first request": (("client",), True, 7_200),
    "all of it": (("client", *COMPONENTS), True, 10_600),
}
#: What components add to all of the client, as docs/COMPONENTS.md says.
ADDED: Final[dict[tuple[str, ...], int]] = {
    ("react",): 2_650,
    ("element",): 2_850,
    COMPONENTS: 3_500,
}
LANGUAGES: Final = 600
#: By the row of docs/CLIENTS.md: what all of it would be smaller without, in modules.
PARTS: Final = (
    "client link access order subscription",
    "sse feed page more",
    "fold",
    "tabs",
    "websocket",
    "poll",
    "publish",
    "storage",
    "iterate",
    "watch shared",
    "progress-bar texts",
    "styles",
    "react",
    "element",
    "vue svelte",
)
DOCS: Final = (ROOT / "docs" / "CLIENTS.md").read_text(encoding="utf-8")
#: Bytes that a size may differ from what is said of it; and that of a part.
NEAR: Final = 100
NEAR_OF_PART: Final = 50


def minify(directory: Path, names: list[str]) -> dict[str, bytes]:
    """Each of these modules by itself, minified; by name."""
    first, *others = (str(CLIENT_FILES / f"{name}.js") for name in names)
    bundle(Path(first), directory, *others, "--external:*")
    return {name: (directory / f"{name}.js").read_bytes() for name in names}


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


def test_each_part_costs_what_is_said_of_it(tmp_path: Path) -> None:
    names = sorted({name for part in PARTS for name in part.split()})
    minified = minify(tmp_path, names)

    def compressed(left_out: str = "") -> int:
        kept = [minified[name] for name in names if name not in left_out.split()]
        return len(gzip.compress(b"".join(kept), 9))

    for part in PARTS:
        costs = compressed() - compressed(part)
        row = re.search(rf"^\| [^|]+ \| {', '.join(part.split())} \| (\d+) \|$", DOCS, re.MULTILINE)
        assert row is not None, part
        assert abs(int(row[1]) - costs) <= NEAR_OF_PART, f"{part}: {costs} bytes"


@pytest.mark.parametrize("modules", ADDED, ids=" ".join)
def test_what_components_add_to_the_client_is_small(
    tmp_path: Path, modules: tuple[str, ...]
) -> None:
    client = size(tmp_path, ("client",), all_of_it=True)
    added = size(tmp_path, ("client", *modules), all_of_it=True) - client
    assert added <= ADDED[modules], f"{' '.join(modules)} adds {added} bytes"


def test_the_words_of_other_languages_are_small(tmp_path: Path) -> None:
    assert size(tmp_path, ("languages",), all_of_it=True) <= LANGUAGES
