"""nginx with Nchan: fan-out in C, in memory or over Redis."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..load import Transport
from .base import Face, Launch, Place
from .nginx import FIRST_PATH, command, nginx

_MODULES = (
    Path("/usr/lib/nginx/modules/ngx_nchan_module.so"),
    Path("/usr/lib64/nginx/modules/ngx_nchan_module.so"),
)

_LOCATIONS = """
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
        return Launch(
            command=command(
                place,
                http=f"nchan_shared_memory_size 512M;\n    {upstream}",
                locations=_LOCATIONS.format(storage=storage),
                module=_module(),
            ),
            ready=("POST", "/publish/ready"),  # refused until it has reached Redis
        )

    def face(self, transport: Transport) -> Face | None:
        del transport  # the same location serves both
        return Face(
            read_path="/read/{}",
            publish_path="/publish/0",
            as_published=True,
            first_path=None if self.nagle else FIRST_PATH,
        )


def _module() -> Path | None:
    return next((module for module in _MODULES if module.exists()), None)
