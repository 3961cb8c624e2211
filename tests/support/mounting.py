"""Servers of an app that Streamer is mounted in: those of the documents, and of examples/."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from .ports import free_port
from .processes import Program
from .waiting import LONG_DEADLINE, wait_until_blocking

#: How an app is served, by name: what is run, with ``{app}`` and ``{port}`` in it.
SERVERS: Final[Mapping[str, tuple[str, ...]]] = {
    "uvicorn": ("-m", "uvicorn", "{app}", "--port", "{port}"),
    "fast": (
        "-c",
        (
            "import streamer, uvicorn; uvicorn.run('{app}', port={port}, "
            "http=streamer.FastHttp, ws=streamer.FastWebSocket)"
        ),
    ),
    "streamer": ("-m", "streamer", "serve", "{app}", "--port", "{port}"),
    "two processes": ("-m", "streamer", "serve", "{app}", "--port", "{port}", "--workers", "2"),
}


class Mounted:
    """An app in a directory, which may be started again on its port."""

    def __init__(self, directory: Path, app: str, server: str, redis_url: str) -> None:
        self._directory: Final = directory
        self._port: Final = free_port()
        self._command: Final = [part.format(app=app, port=self._port) for part in SERVERS[server]]
        self.here: Final = f"127.0.0.1:{self._port}"
        self.url: Final = f"http://{self.here}"
        self._environ: Final = {
            "STREAMER_REDIS_URL": redis_url,
            "STREAMER_PREFIX": f"test-mounted-{secrets.token_hex(6)}",
            "STREAMER_DATA_DIR": str(directory),
            "STREAMER_DRAIN_SECONDS": "0.2",
        }

    @contextmanager
    def running(self) -> Iterator[Program]:
        """Serve it, from when it answers to the end of the block."""
        command = [sys.executable, *self._command]
        with Program(command, environ=self._environ, cwd=self._directory) as program:

            def is_up() -> bool:
                assert program.running, str(program)
                try:
                    return httpx.get(f"{self.url}/live/healthz").status_code == httpx.codes.OK
                except httpx.TransportError:
                    return False

            wait_until_blocking(is_up, "the app did not come up")
            yield program


#: What a Django project has beside the files that the document is about.
_DJANGO: Final = {
    "settings.py": """
SECRET_KEY = "a test's"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = [f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions")]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite"}}
USE_TZ = True
""",
    "urls.py": """
from django.urls import path
from shop.views import pay
urlpatterns = [path("pay", pay)]
""",
    "__init__.py": "",
}

#: Makes the tables and two users who are logged in; prints the session of each.
_LOG_IN: Final = """
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0)
for name in ("ada", "bob"):
    client = Client()
    client.force_login(User.objects.create_user(name))
    print(client.cookies["sessionid"].value)
"""


def django_project(directory: Path, files: Mapping[str, str]) -> list[str]:
    """Make a project called ``shop`` with `files`; return the sessions of users 1 and 2."""
    (directory / "shop").mkdir()
    for name, text in {**_DJANGO, **files}.items():
        (directory / "shop" / name).write_text(text, encoding="utf-8")
    made = subprocess.run(
        [sys.executable, "-c", _LOG_IN],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings"},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONG_DEADLINE,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.split()
