"""nginx: where it is, and how it is started for a benchmark, whatever it serves."""

from __future__ import annotations

import shutil
from pathlib import Path

from .base import Place

#: Asked for on a reader's connection before its stream. nginx switches Nagle's algorithm off
#: once a connection has served a request and is kept alive, as a browser's often has; not on
#: its first request.
FIRST_PATH = "/first"

_CONFIGURATION = """\
daemon off;
pid {directory}/nginx.pid;
error_log stderr error;
worker_processes 1;
worker_rlimit_nofile 65536;
{user}
{module}
events {{ worker_connections 60000; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_requests 100000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {http}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = {first} {{ return 200 "ok"; }}
        {locations}
    }}
}}
"""


def nginx() -> str | None:
    """Where it is, if it is."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def command(
    place: Place, *, http: str, locations: str, module: Path | None = None
) -> tuple[str, ...]:
    """Write a configuration into the place; return the command that starts nginx with it.

    Args:
        place: where it listens, and what it writes goes.
        http: what its ``http`` block says besides.
        locations: what its server has, besides `FIRST_PATH`.
        module: that it loads.
    """
    configuration = place.directory / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            directory=place.directory,
            port=place.port,
            first=FIRST_PATH,
            # As root, nginx would drop to an account that may not write here.
            user="user root;" if place.directory.stat().st_uid == 0 else "",
            module=f"load_module {module};" if module else "",
            http=http,
            locations=locations,
        )
    )
    return (nginx() or "nginx", "-p", str(place.directory), "-c", str(configuration))
