"""Flood a server in every way that we know of; print what it costs as a table.

    python benchmarks/floods.py [--src DIR] [--flood NAME ...] [--save FILE] [--before FILE]

Each flood has a server, a Redis and a flooder of its own. Before it and during it the same
other clients do the same: 50 readers of a topic, to which 200 events a second are
published. The table is for docs/RELIABILITY.md, into which `--write` puts it.
"""

from __future__ import annotations

import argparse
import resource
import sys
from pathlib import Path

import msgspec
from bench import machine, redis
from bench.floods import FLOODS
from bench.floods.measure import SMOKE, Cost, Size, measure
from bench.floods.table import render

_ROOT = Path(__file__).parents[1]
_PAGE = _ROOT / "docs" / "RELIABILITY.md"
_BEGIN, _END = "<!-- floods -->\n", "<!-- /floods -->\n"
#: The soft limit of open files that a server usually starts with.
_USUAL_FILES = 1024


def main() -> int:
    given = _arguments()
    if (reason := redis.missing()) is not None:
        print(reason, file=sys.stderr)
        return 2
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_USUAL_FILES, hard), hard))
    layout = machine.layout(shared=given.smoke)
    before = (
        msgspec.json.decode(given.before.read_bytes(), type=dict[str, Cost]) if given.before else {}
    )
    found: dict[str, Cost] = {}
    for name in given.flood or FLOODS:
        print(f"{name} ...", file=sys.stderr)
        found[name] = measure(FLOODS[name], given.src, layout, SMOKE if given.smoke else Size())
        print(found[name], file=sys.stderr)
    if given.save:
        given.save.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    table = render(found, before)
    print(table, end="")
    if given.write:
        start, _, rest = _PAGE.read_text(encoding="utf-8").partition(_BEGIN)
        _, _, end = rest.partition(_END)
        _PAGE.write_text(f"{start}{_BEGIN}{table}{_END}{end}", encoding="utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--src", type=Path, default=_ROOT / "src", help="tree that is measured")
    parser.add_argument("--flood", choices=FLOODS, action="append", help="one of them; may repeat")
    parser.add_argument("--save", type=Path, help="write the figures to this file, as JSON")
    parser.add_argument("--before", type=Path, help="show the figures of this file beside")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    parser.add_argument("--smoke", action="store_true", help="tiny: to see that it runs")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
