"""Streamer that sends everything as it is, behind an nginx that compresses for each reader."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..load import Transport
from ..process import free_port, python
from .base import Face, Launch, Place
from .nchan import nginx
from .streamer import PEERS, Streamer

#: A compressor for each reader, flushed for each event.
_GZIP = "gzip on; gzip_types text/event-stream; gzip_min_length 0; gzip_proxied any;"

_CONFIGURATION = """\
daemon off;
pid {directory}/nginx.pid;
error_log stderr error;
worker_processes 1;
worker_rlimit_nofile 65536;
{user}
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
    {gzip}
    upstream streamer {{
        server 127.0.0.1:{behind} max_fails=0;
        keepalive 64;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /first {{ return 200 "ok"; }}
        location / {{
            proxy_pass http://streamer;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_buffering off;
            proxy_read_timeout 1h;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class BehindNginx:
    """Both share a core, and count as one server."""

    name: str = "streamer-nginx"
    title: str = "Streamer behind nginx"
    needs_redis: bool = True
    cores: int = 1
    coding: str | None = None  #: gzip, by nginx

    @property
    def _streamer(self) -> Streamer:
        return Streamer(coding=self.coding)

    def missing(self) -> str | None:
        if nginx() is None:
            return "not installed (Debian: apt install nginx)"
        return self._streamer.missing()

    def launch(self, place: Place) -> Launch:
        behind = dataclasses.replace(place, port=free_port())
        configuration = place.directory / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                directory=place.directory,
                port=place.port,
                behind=behind.port,
                gzip=_GZIP if self.coding else "",
                # As root, nginx would drop to an account that may not write here.
                user="user root;" if place.directory.stat().st_uid == 0 else "",
            )
        )
        launch = self._streamer.launch(behind)
        return dataclasses.replace(
            launch,
            command=[
                *(python(), str(PEERS / "behind_nginx.py")),
                *(nginx() or "nginx", "-p", str(place.directory), "-c", str(configuration)),
            ],
            environ={**launch.environ, "STREAMER_COMPRESSION": "off"},
        )

    def face(self, transport: Transport) -> Face | None:
        face = self._streamer.face(transport)
        # Without Nagle's algorithm, as with Nchan.
        return None if face is None else dataclasses.replace(face, first_path="/first")
