"""nginx with Nchan: fan-out in C, in memory or over Redis."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ..load import Transport
from .base import Face, Launch, Place

_MODULES = (
    Path("/usr/lib/nginx/modules/ngx_nchan_module.so"),
    Path("/usr/lib64/nginx/modules/ngx_nchan_module.so"),
)

_CONFIGURATION = """\
daemon off;
pid {directory}/nginx.pid;
error_log stderr error;
worker_processes 1;
worker_rlimit_nofile 65536;
{user}
load_module {module};
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
    nchan_shared_memory_size 512M;
    {upstream}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /first {{ return 200 "ok"; }}
        location ~ ^/read/(.+)$ {{
            nchan_subscriber eventsource websocket;
            nchan_subscriber_first_message newest;
            nchan_channel_id $1;
            {storage}
        }}
        location ~ ^/publish/(.+)$ {{
            nchan_publisher http;
            nchan_channel_id $1;
            nchan_message_buffer_length 1000;
            nchan_message_timeout 1h;
            {storage}
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Nchan:
    name: str = "nchan"
    title: str = "nginx + Nchan"
    needs_redis: bool = False
    cores: int = 1
    nagle: bool = False

    def missing(self) -> str | None:
        if nginx() is None or _module() is None:
            return "not installed (Debian: apt install nginx libnginx-mod-nchan)"
        return None

    def launch(self, place: Place) -> Launch:
        upstream = storage = ""
        if self.needs_redis:
            address = f"redis://127.0.0.1:{place.redis_port}"
            upstream = f"upstream log {{ nchan_redis_server {address}; }}"
            storage = "nchan_redis_pass log;"
        configuration = place.directory / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                directory=place.directory,
                module=_module(),
                port=place.port,
                upstream=upstream,
                storage=storage,
                # As root, nginx would drop to an account that may not write here.
                user="user root;" if place.directory.stat().st_uid == 0 else "",
            )
        )
        return Launch(
            command=[nginx() or "nginx", "-p", str(place.directory), "-c", str(configuration)],
            ready=("POST", "/publish/ready"),  # refused until it has reached Redis
        )

    def face(self, transport: Transport) -> Face | None:
        del transport  # the same location serves both
        return Face(
            read_path="/read/{}",
            publish_path="/publish/0",
            # nginx switches Nagle's algorithm off once a connection has served a request
            # and is kept alive, as a browser's often has; not on its first request.
            first_path=None if self.nagle else "/first",
        )


def nginx() -> str | None:
    """Where it is, if it is."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _module() -> Path | None:
    return next((module for module in _MODULES if module.exists()), None)
