"""How much what follows a reader adds to the client, minified and compressed."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final

import pytest

from support.front_end import bundle

CLIENT: Final = "@streamer-sse/client"
#: Bytes that these modules add to the client at most, as docs/NOTIFICATIONS.md says.
ADDED: Final[dict[tuple[str, ...], int]] = {
    ("reading",): 1_700,
    ("inbox",): 2_800,
    ("notifications-react",): 6_000,
    ("notices-languages",): 650,
}


def size(directory: Path, *modules: str) -> int:
    """The bytes of the modules in one file, with all that they load later."""
    entry = directory / "entry.js"
    entry.write_text("\n".join(f'export * from "{CLIENT}/{name}.js";' for name in modules))
    bundle(entry, directory / "out.js", "--external:react")
    return len(gzip.compress((directory / "out.js").read_bytes(), 9))


@pytest.mark.parametrize("modules", ADDED, ids=" ".join)
def test_what_follows_a_reader_is_small(tmp_path: Path, modules: tuple[str, ...]) -> None:
    added = size(tmp_path, "client", *modules) - size(tmp_path, "client")
    assert added <= ADDED[modules], f"{' '.join(modules)} adds {added} bytes"
