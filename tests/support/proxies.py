"""Real proxies on the loopback, each with the files that `deploy/proxies` recommends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from .certificate import Certificate
from .nginx import nginx_before
from .ports import free_port
from .proxy_program import answering, replaced
from .requirements import needs

_FILES: Final = Path(__file__).parents[2] / "deploy" / "proxies"


@contextmanager
def _nginx(
    ports: Sequence[int], directory: Path, idle: int | None, certificate: Certificate | None
) -> Iterator[str]:
    with nginx_before(ports, directory, idle=idle, certificate=certificate) as url:
        yield url


@contextmanager
def _caddy(
    ports: Sequence[int],
    directory: Path,
    idle: int | None,
    certificate: Certificate | None,
) -> Iterator[str]:
    port = free_port()
    url = _address(port, certificate)
    names = url if certificate else f"{url}, http://localhost:{port}"
    site = f"{names} {{\n\tbind 127.0.0.1"
    if certificate is not None:
        site += f"\n\ttls {certificate.chain} {certificate.key}"
    text = replaced(
        (_FILES / "Caddyfile").read_text(),
        ("streamer.example.com {", site),
        *zip(("127.0.0.1:8001", "127.0.0.1:8002"), _servers(ports), strict=True),
    )
    file = directory / "Caddyfile"
    # Its administration has one port for all, and HTTP/3 one of UDP.
    file.write_text(
        f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n"
        f"\tservers {{\n\t\tprotocols h1 h2\n\t}}\n}}\n{text}"
    )
    command = [needs("caddy"), "run", "--config", file, "--adapter", "caddyfile"]
    home = {"HOME": str(directory), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""}
    with answering(command, url, environ=home, certificate=certificate) as program:
        yield url
    (directory / "log").write_text(program.err)


@contextmanager
def _haproxy(
    ports: Sequence[int], directory: Path, idle: int | None, certificate: Certificate | None
) -> Iterator[str]:
    port = free_port()
    text = replaced(
        (_FILES / "haproxy.cfg").read_text(),
        *zip(("127.0.0.1:8001", "127.0.0.1:8002"), _servers(ports), strict=True),
    )
    if certificate is None:
        text = replaced(text, ("bind :80", f"bind 127.0.0.1:{port}"))
    else:
        text = replaced(
            text,
            ("bind :80\n", "\n"),
            ("# bind :443", f"bind 127.0.0.1:{port}"),
            ("/etc/haproxy/streamer.pem", str(certificate.both)),
        )
    if idle is not None:
        text, count = re.subn(r"(timeout (?:client|server|tunnel)) 60s", rf"\1 {idle}s", text)
        assert count == 3
    file = directory / "haproxy.cfg"
    file.write_text(text)
    url = _address(port, certificate)
    command = [needs("haproxy"), "-db", "-f", file]
    with answering(command, url, certificate=certificate) as program:
        yield url
    (directory / "log").write_text(program.out)


@contextmanager
def _traefik(
    ports: Sequence[int],
    directory: Path,
    idle: int | None,
    certificate: Certificate | None,
) -> Iterator[str]:
    port, other = free_port(), free_port()
    dynamic = replaced(
        (_FILES / "traefik" / "dynamic.yml").read_text(),
        *zip(("127.0.0.1:8001", "127.0.0.1:8002"), _servers(ports), strict=True),
    )
    static = replaced(
        (_FILES / "traefik" / "traefik.yml").read_text(),
        ("/etc/traefik/dynamic.yml", str(directory / "dynamic.yml")),
        ('":80"', f"127.0.0.1:{other if certificate else port}"),
        ('":443"', f"127.0.0.1:{port if certificate else other}"),
    )
    if certificate is not None:
        dynamic = replaced(
            dynamic,
            ("/etc/traefik/streamer.crt", str(certificate.chain)),
            ("/etc/traefik/streamer.key", str(certificate.key)),
        )
    (directory / "dynamic.yml").write_text(dynamic)
    (directory / "traefik.yml").write_text(static)
    url = _address(port, certificate)
    command = [needs("traefik"), f"--configFile={directory / 'traefik.yml'}"]
    with answering(command, url, certificate=certificate) as program:
        yield url
    (directory / "log").write_text(program.out)


def _address(port: int, certificate: Certificate | None) -> str:
    # Plain, it is the address itself: a server that is open answers no name of others.
    return f"http://127.0.0.1:{port}" if certificate is None else f"https://localhost:{port}"


def _servers(ports: Sequence[int]) -> list[str]:
    return [f"127.0.0.1:{port}" for port in ports]


_Proxy = Callable[
    [Sequence[int], Path, int | None, Certificate | None], AbstractContextManager[str]
]
_PROXIES: Final[Mapping[str, _Proxy]] = {
    "nginx": _nginx,
    "caddy": _caddy,
    "haproxy": _haproxy,
    "traefik": _traefik,
}
#: All that there are files for.
NAMES: Final = tuple(_PROXIES)


@contextmanager
def proxy_before(
    name: str,
    ports: Sequence[int],
    directory: Path,
    *,
    idle: int | None = None,
    certificate: Certificate | None = None,
) -> Iterator[str]:
    """Run the proxy `name` before the servers at two `ports`; the URL it answers at.

    Args:
        name: one of `NAMES`.
        ports: of the two servers; they may be the same.
        directory: its own: what it logged is there as ``log``, once it has ended.
        idle: seconds after which it cuts a silent stream, if it has such a time.
        certificate: what it proves who it is with; without, it speaks no TLS.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _PROXIES[name](ports, directory, idle, certificate) as url:
        yield url
