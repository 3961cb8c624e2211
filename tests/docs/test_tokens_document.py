"""What docs/TOKENS.md says is so: its examples make tokens that are good here."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from streamer.access.application import Application
from streamer.access.claims import MAX_NAME, grants_of
from streamer.access.compact import MAX_TOKEN_BYTES
from streamer.access.configured import tokens_of
from streamer.access.grants import Grants
from streamer.access.patterns import MAX_PATTERNS, Patterns
from streamer.access.validity import MAX_LIFE
from streamer.config.auth import WAYS
from streamer.config.settings import SETTINGS, Settings
from streamer.errors import OUTCOMES, Unauthorized
from support.ports import free_port
from support.processes import Program
from support.requirements import needs
from support.servers import Server
from support.waiting import DEADLINE, wait_until

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = (ROOT / "docs" / "TOKENS.md").read_text(encoding="utf-8")
SECRET: Final = "a secret of thirty-two bytes, hunter2"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below `heading`, without its head."""
    chapter = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in chapter.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def printed(command: list[str], directory: Path) -> str:
    environ = {**os.environ, "STREAMER_AUTH_SECRET": SECRET}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env=environ,
        cwd=directory,
        timeout=DEADLINE,
    ).stdout.strip()


def test_the_claims_that_it_shows_are_read_as_it_says() -> None:
    (shown,) = blocks("json")
    assert grants_of(json.loads(shown)) == Grants(
        "7",
        subscribe=Patterns(["projects/p1", "chats/*"]),
        publish=Patterns(["projects/p1"]),
        expires=1_790_003_600.0,
        issued=1_790_000_000.0,
        token_id="5f0c2d",
    )


def test_its_numbers_are_those_of_the_code() -> None:
    assert f"at most {MAX_NAME} characters" in TEXT
    assert f"at most {MAX_LIFE / 86400:.0f} days ahead" in TEXT
    assert f"at most {MAX_TOKEN_BYTES // 1024} KiB and {MAX_PATTERNS} patterns" in TEXT
    for name in ("auth_leeway", "auth_url_timeout", "auth_url_ttl"):
        setting = SETTINGS[name]
        assert f"`{setting.variable}` ({setting.default} seconds)" in TEXT


def test_it_names_every_way_and_no_setting_that_is_none() -> None:
    named = set(re.findall(r"STREAMER_[A-Z_]+", TEXT))
    assert named <= {setting.variable for setting in SETTINGS.values()}
    assert {f"STREAMER_{name.upper()}" for name in WAYS} <= named


def test_patterns_cover_what_it_says_and_nothing_else() -> None:
    told = rows("Patterns")
    assert len(told) == 5
    for pattern, covered, others in told:
        (text,) = re.findall(r"`([^`]+)`", pattern)
        patterns = Patterns([text])
        for topic in re.findall(r"`([^`]+)`", covered):
            assert patterns.cover(topic), (text, topic)
        for topic in re.findall(r"`([^`]+)`", others):
            assert not patterns.cover(topic), (text, topic)


def test_what_is_refused_has_the_status_that_it_says() -> None:
    told = {code.strip("`"): (status, close[:4]) for _, status, close, code in rows(_REFUSED)}
    assert set(told) == {
        *("unauthorized", "invalid_token", "token_expired", "token_revoked"),
        *("forbidden", "auth_unavailable"),
    }
    for code, (status, close) in told.items():
        assert (int(status), int(close)) == (OUTCOMES[code].status, OUTCOMES[code].close_code)


_REFUSED: Final = "What is refused, and how"
_INTERPRETERS: Final = {"js": "node", "php": "php"}


@pytest.mark.parametrize("language", ["python", "js", "php"])
async def test_a_token_made_with_the_secret_is_good(language: str, tmp_path: Path) -> None:
    (program,) = [block for block in blocks(language) if "STREAMER_AUTH_SECRET" in block]
    path = tmp_path / {"python": "make.py", "js": "make.mjs", "php": "make.php"}[language]
    path.write_text(program, encoding="utf-8")
    interpreter = sys.executable if language == "python" else needs(_INTERPRETERS[language])
    token = printed([interpreter, str(path)], tmp_path)
    grants = await tokens_of(Settings(auth_secret=SECRET), None).verify(token)
    assert grants.subject == "7"
    assert grants.subscribe == Patterns(["projects/p1"])
    assert grants.publish == Patterns([])
    assert grants.expires is not None
    assert grants.issued == grants.expires - 900


async def test_a_key_that_is_made_as_it_says_verifies_what_is_signed_as_it_says(
    tmp_path: Path,
) -> None:
    needs("openssl")
    (commands,) = [block for block in blocks("sh") if "genpkey" in block]
    for line in commands.splitlines():
        if line.startswith("openssl"):
            printed(line.split(), tmp_path)
    (program,) = [block for block in blocks("python") if "issuer-private.pem" in block]
    token = printed([sys.executable, "-c", program], tmp_path)
    settings = Settings(auth_public_key=str(tmp_path / "issuer-public.pem"))
    grants = await tokens_of(settings, None).verify(token)
    assert (grants.subject, grants.subscribe) == ("7", Patterns(["projects/p1"]))


def test_the_variables_that_it_sets_are_settings_that_go_together() -> None:
    found = 0
    for block in blocks("sh"):
        lines = re.findall(r"^(STREAMER_[A-Z_]+)=(.*)$", block, re.MULTILINE)
        environ = {name: SECRET if "$(" in value else value for name, value in lines}
        if environ:
            Settings.from_env(environ)
            found += 1
    assert found == 4


async def test_the_application_that_it_shows_is_asked_and_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (program,) = [block for block in blocks("python") if "who_is_asking" in block]
    (tmp_path / "who_is_asking.py").write_text(program, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    app: Any = importlib.import_module("who_is_asking").app
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app))
    application = Application("http://app.internal:8080/who-is-asking", client=client)
    known = [(b"cookie", b"session=s3cr3t")]
    grants = await application.ask(known, method="GET", uri="/")
    assert (grants.subject, grants.subscribe) == ("7", Patterns(["projects/p1"]))
    for headers in ([], [(b"cookie", b"session=other")]):
        with pytest.raises(Unauthorized):
            await application.ask(headers, method="GET", uri="/")
    await application.close()


async def test_the_function_that_it_shows_is_asked(tmp_path: Path, redis_server: Server) -> None:
    (program,) = [block for block in blocks("python") if "authorize=" in block]
    (tmp_path / "within.py").write_text(program, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "within:app", "--port", str(port)]
    environ = {"STREAMER_REDIS_URL": redis_server.url, "STREAMER_DATA_DIR": str(tmp_path)}
    url = f"http://127.0.0.1:{port}/live"
    async with httpx.AsyncClient() as client:

        async def status(path: str, session: str) -> int:
            headers = {"Cookie": f"session={session}"}
            return (await client.get(f"{url}/api/v1/projects/{path}", headers=headers)).status_code

        async def is_there() -> bool:
            try:
                return (await client.get(f"{url}/readyz")).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        with Program(command, environ=environ, cwd=tmp_path):
            await wait_until(is_there, "the application did not begin")
            assert await status("p1/events", "s3cr3t") == 200
            assert await status("p2/events", "s3cr3t") == 403
            assert await status("p1/events", "other") == 401
