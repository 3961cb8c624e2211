"""System programs that tests need, and how to get them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final, NamedTuple

import pytest


class _Program(NamedTuple):
    """Where to look for a program, and the Debian packages that bring it."""

    names: tuple[str, ...]
    packages: str


_PROGRAMS: Final = {
    "caddy": _Program(("caddy",), "caddy"),
    "cc": _Program(("cc",), "gcc libc6-dev"),
    "chromedriver": _Program(("chromedriver",), "chromium-driver"),
    "chromium": _Program(("chromium", "chromium-browser", "google-chrome"), "chromium"),
    "curl": _Program(("curl",), "curl"),
    "faketime": _Program(("faketime",), "faketime"),
    "ffmpeg": _Program(("ffmpeg",), "ffmpeg"),
    "ffprobe": _Program(("ffprobe",), "ffmpeg"),
    "firefox": _Program(("firefox-esr", "firefox"), "firefox-esr"),
    "haproxy": _Program(("haproxy",), "haproxy"),
    "jq": _Program(("jq",), "jq"),
    "node": _Program(("node", "nodejs"), "nodejs"),
    "nginx": _Program(("nginx",), "nginx libnginx-mod-nchan"),
    "openssl": _Program(("openssl",), "openssl"),
    "php": _Program(("php",), "php-cli"),
    "postgres": _Program(("postgres",), "postgresql"),
    "ps": _Program(("ps",), "procps"),
    "redis-cli": _Program(("redis-cli",), "redis-tools"),
    "redis-sentinel": _Program(("redis-sentinel",), "redis-sentinel"),
    "systemd-analyze": _Program(("systemd-analyze",), "systemd"),
    "unshare": _Program(("unshare",), "util-linux"),
    "redis-server": _Program(("redis-server",), "redis-server"),
    "valkey-server": _Program(("valkey-server",), "valkey-server"),
}

#: nginx and Sentinel are installed where only root's path looks, Postgres where none does,
#: and Traefik, which comes as a wheel, beside Python.
_ADMIN_PATH: Final = ":".join(
    [
        "/usr/sbin:/usr/local/sbin:/sbin",
        *map(str, Path("/usr/lib/postgresql").glob("*/bin")),
        str(Path(sys.executable).parent),
    ]
)


def needs(program: str) -> str:
    """Return the path of `program`; without it skip the test, or fail it if ``CI`` is true.

    A test that is silently skipped where it should run proves nothing, so only
    a person's own machine may lack a program.
    """
    known = _PROGRAMS.get(program, _Program((program,), program))
    path = f"{os.environ.get('PATH', os.defpath)}:{_ADMIN_PATH}"
    for name in known.names:
        if found := shutil.which(name, path=path):
            return found
    reason = f"{program} is not installed; get it with: sudo apt-get install {known.packages}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
