"""The compose file is valid, and what it is made of works together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import redis

from streamer.config.settings import Settings, unknown_variables
from support.documents import ROOT
from support.ports import free_port
from support.requirements import needs
from support.servers import Server

FILE: Final = ROOT / "deploy" / "compose.yaml"
COMPOSE: Final[dict[str, Any]] = msgspec.yaml.decode(FILE.read_bytes())
SERVICES: Final[dict[str, Any]] = COMPOSE["services"]


def test_it_is_what_the_specification_of_compose_allows() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [check, "--builtin-schema", "vendor.compose-spec", FILE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_variable_is_a_setting() -> None:
    for service in SERVICES.values():
        assert unknown_variables(service.get("environment", {})) == {}


def test_every_file_that_is_named_is_there() -> None:
    named = [volume for it in SERVICES.values() for volume in it.get("volumes", [])]
    paths = [volume.split(":")[0] for volume in named if volume.startswith(".")]
    options = [option for it in SERVICES.values() for option in it.get("security_opt", [])]
    paths += [option[8:] for option in options if option.startswith("seccomp:")]
    paths += [f"../{it['build']['dockerfile']}" for it in SERVICES.values() if "build" in it]
    assert len(set(paths)) == 3
    assert all((FILE.parent / path).is_file() for path in paths)


def test_nothing_that_stays_runs_with_privileges_or_on_a_root_that_can_be_written() -> None:
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service.get("read_only") or service.get("network_mode") == "none", name


def test_a_server_may_drain_before_it_is_killed() -> None:
    for name in ("server-1", "server-2", "worker"):
        grace = float(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert grace >= Settings().drain_seconds + 20


def test_the_proxy_finds_both_servers_where_the_tested_file_has_them() -> None:
    conf = (FILE.parent / "proxies" / "nginx.conf").read_text()
    *_, script = SERVICES["nginx"]["command"]
    for number in (1, 2):
        address = f"127.0.0.1:800{number}"
        assert f"s/{address}/server-{number}:8000/" in script
        assert conf.count(f"server {address} ") == 1
    proxy = SERVICES["nginx"]["networks"]["default"]["ipv4_address"]
    for number in (1, 2):
        assert SERVICES[f"server-{number}"]["environment"]["FORWARDED_ALLOW_IPS"] == proxy


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """What the service `secrets` makes."""
    (script,) = SERVICES["secrets"]["command"]
    here = script.replace("$$", "$").replace("cd /run/secrets", f"cd {tmp_path}")
    for _ in range(2):  # another `up` keeps what is there
        subprocess.run(["sh", "-euc", here], check=True)
    return tmp_path


@pytest.fixture
def valkey(secrets: Path, short_dir: Path) -> Iterator[int]:
    """The port of a server with the settings of the service `valkey`."""
    name, conf, *options = SERVICES["valkey"]["command"]
    assert (name, conf) == ("valkey-server", "/run/secrets/valkey.conf")
    arguments = [word for option in options for word in option.split()]
    port = free_port()
    server = Server(needs("redis-server"), short_dir, "--port", str(port), *arguments)
    server.start()
    with server.client() as asked:
        for line in (secrets / "valkey.conf").read_text().splitlines():
            asked.config_set(*line.split())
    yield port
    server.stop()


def test_the_secrets_that_it_makes_open_the_server_to_ours_alone(
    secrets: Path, valkey: int
) -> None:
    environ = {
        "STREAMER_REDIS_URL_FILE": str(secrets / "redis_url"),
        "STREAMER_AUTH_SECRET_FILE": str(secrets / "auth_secret"),
    }
    settings = Settings.from_env(environ)
    assert settings.redis_url is not None
    url = settings.redis_url.replace("@valkey:6379", f"@127.0.0.1:{valkey}")
    with redis.Redis.from_url(url) as ours:
        assert ours.ping()
        assert ours.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with redis.Redis(port=valkey) as another, pytest.raises(redis.AuthenticationError):
        another.ping()
