"""A real nginx on the loopback, with the configuration that `deploy/` recommends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from .live import free_port
from .processes import Program
from .requirements import needs
from .waiting import wait_until_blocking

_CONFIGURATION: Final = Path(__file__).parents[2] / "deploy" / "nginx.conf"
#: Where nginx keeps what it cannot hold in memory; the built-in places are root's.
_TEMPORARY: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_GZIP: Final = "gzip on; gzip_types text/event-stream; gzip_min_length 0; gzip_proxied any; "


@contextmanager
def nginx_before(
    ports: Sequence[int], directory: Path, prefix: str = "", *, compressing: bool = False
) -> Iterator[str]:
    """Run ``deploy/nginx.conf`` before the servers at `ports`; the URL it answers at.

    A `compressing` one compresses streams, as many proxies are set up to do. With
    `prefix`, such as ``/live``, everything is beneath it, and the servers know
    nothing of it.
    """
    port = free_port()
    text = _CONFIGURATION.read_text()
    assert "listen 80;" in text
    text = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
    if prefix:
        assert "location / {" in text
        text = text.replace("location / {", f"location {prefix}/ {{")
        text = text.replace("proxy_pass http://streamer;", "proxy_pass http://streamer/;")
    for example, real in zip((8001, 8002), ports, strict=True):
        assert f"127.0.0.1:{example} " in text
        text = text.replace(f"127.0.0.1:{example} ", f"127.0.0.1:{real} ")
    if compressing:
        assert "gzip off;" in text
        text = text.replace("gzip off;", _GZIP)
    places = "".join(f"{name}_temp_path {directory}/{name};\n" for name in _TEMPORARY)
    text = text.replace("http {", f"http {{\n{places}", 1)
    assert "access_log /var/log/nginx/" in text
    text = text.replace("access_log /var/log/nginx/", f"access_log {directory}/")
    file = directory / "nginx.conf"
    file.write_text(text)
    # Started by root its workers would be somebody else, who may not write here.
    settings = f"daemon off; pid {directory}/nginx.pid; error_log stderr warn;"
    command: list[str | Path] = [
        needs("nginx"),
        "-p",
        directory,
        "-c",
        file,
        "-e",
        "stderr",
        "-g",
        settings,
    ]
    with Program(command) as program:
        url = f"http://127.0.0.1:{port}{prefix}"

        def answers() -> bool:
            assert program.running, f"nginx ended at once: {program}"
            try:
                return httpx.get(f"{url}/healthz", trust_env=False).is_success
            except httpx.TransportError:
                return False

        wait_until_blocking(answers, "nginx did not answer")
        try:
            yield url
        finally:
            print(program.err[-4000:])  # noqa: T201 - pytest shows it with a failure
