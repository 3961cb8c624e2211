"""The image of deploy/Dockerfile works as it is meant to be run: confined, and as process 1.

`.ci/test-image` builds it and runs these; anywhere else they are skipped.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from support.ports import free_port
from support.processes import Program, descendants
from support.requirements import needs
from support.servers import Server
from support.waiting import LONG_DEADLINE, wait_until_blocking

#: The image with its program of storage, as `.ci/test-image` calls it.
BUILDAH: Final = shlex.split(os.environ.get("STREAMER_TEST_BUILDAH", ""))
ROOT: Final = Path(__file__).parents[2]
SECRET: Final = "an-image-is-no-place-for-a-secret-of-any-kind"
USER: Final = "10001:10001"

pytestmark = [
    pytest.mark.skipif(not BUILDAH, reason="make image-test builds the image"),
]

#: What Docker does, by util-linux: a process 1 of its own, on a root that cannot be written
#: but for /tmp and /data, without privileges. $1 is the root, $2 what is bound to /data.
CONFINE: Final = """
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/tmp"
mount --bind "$2" "$1/data"
root=$1
shift 2
exec setpriv --no-new-privs chroot --userspec=USER "$root" "$@"
""".replace("USER", USER)


def buildah(*arguments: str) -> str:
    """What a command of buildah prints; it must succeed."""
    done = subprocess.run(
        [*BUILDAH, *arguments], capture_output=True, text=True, timeout=LONG_DEADLINE, check=False
    )
    assert done.returncode == 0, done
    return done.stdout.strip()


class Image:
    """An image in a container that is made of it."""

    def __init__(self, name: str, data: Path) -> None:
        self.name: Final = name
        inspected: Any = json.loads(buildah("inspect", "--type", "image", name))
        self.config: Final[dict[str, Any]] = inspected["Docker"]["config"]
        self.container: Final = buildah("from", "--pull=never", name)
        self.root: Final = Path(buildah("mount", self.container))
        self.data: Final = data

    def command(self, *command: str, environ: Mapping[str, str]) -> list[str]:
        """`command` as Docker would run it with ``--read-only --tmpfs /tmp -v …:/data``."""
        variables = [*self.config["Env"], *(f"{name}={value}" for name, value in environ.items())]
        return [
            *(needs("unshare"), "--mount", "--pid", "--fork", "--kill-child"),
            *("sh", "-euc", CONFINE, "sh", str(self.root), str(self.data)),
            *("env", "-i", "--chdir=/data", *variables, *command),
        ]

    def run(
        self, *command: str, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        arguments = self.command(*command, environ=environ or {})
        return subprocess.run(
            arguments, capture_output=True, text=True, timeout=LONG_DEADLINE, check=False
        )


def made(name: str, data: Path) -> Iterator[Image]:
    data.chmod(0o777)
    image = Image(name, data)
    yield image
    buildah("rm", image.container)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    yield from made("localhost/streamer", tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def worker_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    yield from made("localhost/streamer-worker", tmp_path_factory.mktemp("data"))


@pytest.fixture
def environ(image: Image, short_dir: Path) -> Iterator[dict[str, str]]:
    """The settings of a server: a port, a Redis of its own, and a secret in a file."""
    port = str(free_port())
    redis = Server(needs("redis-server"), short_dir, "--port", port)
    redis.start()
    (image.data / "auth_secret").write_text(f"{SECRET}\n")
    yield {
        "STREAMER_PORT": str(free_port()),
        "STREAMER_REDIS_URL": f"redis://127.0.0.1:{port}",
        "STREAMER_AUTH_SECRET_FILE": "/data/auth_secret",
        "STREAMER_DRAIN_SECONDS": "0.5",
    }
    redis.stop()


def test_it_runs_without_root_on_a_root_that_cannot_be_written(image: Image) -> None:
    assert image.config["User"] == USER
    assert image.run("id", "-u").stdout.strip() == "10001"
    refused = image.run("touch", "/opt/streamer/bin/mine", "/mine")
    assert refused.stderr.count("Read-only file system") == 2
    assert image.run("touch", "/data/mine", "/tmp/mine").returncode == 0


def test_nothing_that_builds_is_left_in_it(image: Image) -> None:
    assert not list(image.root.glob("opt/streamer/bin/pip*"))
    assert not list(image.root.glob("opt/streamer/lib/*/site-packages/hatchling"))
    assert not (image.root / "build").exists()


def test_it_does_not_start_before_it_is_told_who_is_asking(
    image: Image, environ: dict[str, str]
) -> None:
    del environ["STREAMER_AUTH_SECRET_FILE"]
    refused = image.run("streamer", "serve", environ=environ)
    assert refused.returncode == 2
    assert "STREAMER_AUTH" in refused.stderr


def test_a_server_is_healthy_takes_and_gives_events_and_drains_as_process_1(
    image: Image, environ: dict[str, str]
) -> None:
    config = image.config
    healthy = config["Healthcheck"]["Test"][1:]
    assert image.run(*healthy, environ=environ).returncode == 1, "nothing runs yet"
    signed = image.run(
        *("streamer", "token", "--sub", "7", "--subscribe", "projects/*"),
        *("--publish", "projects/*"),
        environ=environ,
    )
    assert signed.returncode == 0, signed.stderr
    token = {"Authorization": f"Bearer {signed.stdout.strip()}"}
    url = f"http://127.0.0.1:{environ['STREAMER_PORT']}"
    command = image.command(*config["Entrypoint"], *config["Cmd"], environ=environ)
    with (
        Program(command) as server,
        httpx.Client(base_url=url, headers=token) as ask,
    ):
        server.wait_for("Serving at")
        wait_until_blocking(
            lambda: image.run(*healthy, environ=environ).returncode == 0,
            "the server did not become healthy",
        )
        # Another process of the same root sees it as process 1 of its own.
        (process,) = descendants(server.pid)
        status = Path(f"/proc/{process}/status").read_text()
        assert re.search(r"^NSpid:\t\d+\t1$", status, re.MULTILINE)
        assert re.search(r"^Uid:\t10001\t10001\t10001\t10001$", status, re.MULTILINE)

        with ask.stream("GET", "/api/v1/projects/demo/stream?from=earliest") as stream:
            lines = stream.iter_lines()
            progress = {"type": "progress", "progress": 0.5, "task_name": "encode"}
            sent = ask.post("/api/v1/projects/demo/events", json=progress)
            assert sent.status_code == httpx.codes.CREATED, sent.text
            assert f"id: {sent.json()['id']}" in lines
            os.kill(process, getattr(signal, config["StopSignal"]))
            assert "event: reconnect" in lines
            list(lines)  # a clean end, or httpx raises
        assert server.wait() == 0


@pytest.mark.parametrize(
    ("profile", "found"),
    [
        ("/usr/share/containers/seccomp.json", "one system call for each reader; no io_uring"),
        (str(ROOT / "deploy" / "seccomp.json"), "by io_uring"),
    ],
)
def test_io_uring_is_there_with_our_profile_and_done_without_where_it_is_not(
    image: Image, profile: str, found: str
) -> None:
    container = buildah("from", "--pull=never", "--security-opt", f"seccomp={profile}", image.name)
    try:
        shown = buildah(
            *("run", "--isolation", "chroot", "--env", "STREAMER_AUTH=none", container, "--"),
            *("streamer", "check"),
        )
    finally:
        buildah("rm", container)
    (fan_out,) = [line for line in shown.splitlines() if " Fan-out " in line]
    assert found in fan_out


def test_the_image_of_workers_has_ffmpeg(worker_image: Image) -> None:
    assert worker_image.config["Cmd"] == ["worker"]
    assert worker_image.config["User"] == USER
    checked = worker_image.run("streamer", "check", environ={"STREAMER_AUTH": "none"})
    assert re.search(r"✓ +ffmpeg", checked.stdout), checked.stdout
