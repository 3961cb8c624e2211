"""Streamer that sends everything as it is, behind an nginx that compresses for each reader."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..load import Transport
from ..process import free_port, python
from .base import Face, Launch, Place
from .nginx import FIRST_PATH, command, nginx
from .streamer import PEERS, Streamer

#: A compressor for each reader, flushed for each event.
_GZIP = """
    gzip on;
    gzip_types text/event-stream;
    gzip_min_length 0;
    gzip_proxied any;
    gzip_comp_level {level};
"""

_UPSTREAM = """
    upstream streamer {{
        server 127.0.0.1:{port} max_fails=0;
        keepalive 64;
        keepalive_requests 100000000;
    }}
"""

_LOCATIONS = """
        location / {
            proxy_pass http://streamer;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_buffering off;
            proxy_read_timeout 1h;
        }
"""


@dataclass(frozen=True)
class BehindNginx:
    """Both share a core, and count as one server."""

    name: str = "streamer-nginx"
    title: str = "Streamer behind nginx"
    needs_redis: bool = True
    cores: int = 1
    gzip_level: int | None = None  #: of nginx; None where it does not compress

    @property
    def _streamer(self) -> Streamer:
        return Streamer(coding="gzip" if self.gzip_level else None)

    def missing(self) -> str | None:
        if nginx() is None:
            return "not installed (Debian: apt install nginx)"
        return self._streamer.missing()

    def launch(self, place: Place) -> Launch:
        behind = dataclasses.replace(place, port=free_port())
        gzip = _GZIP.format(level=self.gzip_level) if self.gzip_level else ""
        in_front = command(
            place, http=gzip + _UPSTREAM.format(port=behind.port), locations=_LOCATIONS
        )
        launch = self._streamer.launch(behind)
        return dataclasses.replace(
            launch,
            command=[python(), str(PEERS / "behind_nginx.py"), *in_front],
            environ={**launch.environ, "STREAMER_COMPRESSION": "off"},
        )

    def face(self, transport: Transport) -> Face | None:
        face = self._streamer.face(transport)
        # Without Nagle's algorithm, as with Nchan.
        return None if face is None else dataclasses.replace(face, first_path=FIRST_PATH)
