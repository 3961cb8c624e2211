"""A real nginx on the loopback, with the configuration that `deploy/` recommends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .certificate import Certificate
from .ports import free_port
from .proxy_program import answering, replaced
from .requirements import needs

_CONFIGURATION: Final = Path(__file__).parents[2] / "deploy" / "proxies" / "nginx.conf"
#: Where nginx keeps what it cannot hold in memory; the built-in places are root's.
_TEMPORARY: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_BUFFERING: Final = "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; "
_GZIP: Final = "gzip on; gzip_types text/event-stream; gzip_min_length 0; gzip_proxied any; "


@contextmanager
def nginx_before(
    ports: Sequence[int],
    directory: Path,
    prefix: str = "",
    *,
    compressing: bool = False,
    buffering: bool = False,
    asking: str = "",
    unpacking: bool = False,
    idle: int | None = None,
    certificate: Certificate | None = None,
) -> Iterator[str]:
    """Run ``deploy/proxies/nginx.conf`` before the servers at `ports`; the URL it answers at.

    A `compressing` one compresses streams, as many proxies are set up to do;
    a `buffering` one keeps bytes back until it has many. One that is `asking` for a
    coding does so whatever its client asks for; an `unpacking` one takes gzip from the
    server, for clients that take none. With
    `prefix`, such as ``/live``, everything is beneath it, and the servers know
    nothing of it. `idle` and `certificate` are as of `proxies.proxy_before`.
    """
    port = free_port()
    places = "".join(f"{name}_temp_path {directory}/{name};\n" for name in _TEMPORARY)
    text = replaced(
        _CONFIGURATION.read_text(),
        *(
            (f"127.0.0.1:{example} ", f"127.0.0.1:{real} ")
            for example, real in zip((8001, 8002), ports, strict=True)
        ),
        ("http {", f"http {{\n{places}"),
        ("access_log /var/log/nginx/access.log", f"access_log {directory}/log"),
    )
    if certificate is None:
        text = replaced(text, ("listen 80;", f"listen 127.0.0.1:{port};"))
    else:
        text = replaced(
            text,
            ("listen 80;", ""),
            ("# listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
            ("# ssl_certificate ", "ssl_certificate "),
            ("# ssl_certificate_key ", "ssl_certificate_key "),
            ("/etc/nginx/streamer.crt", str(certificate.chain)),
            ("/etc/nginx/streamer.key", str(certificate.key)),
        )
    if idle is not None:
        text = replaced(text, ("_timeout 60s;", f"_timeout {idle}s;"))
    if prefix:
        text = replaced(
            text,
            ("location / {", f"location {prefix}/ {{"),
            ("proxy_pass http://streamer;", "proxy_pass http://streamer/;"),
        )
    if buffering:
        text = replaced(text, ("proxy_buffering off;", _BUFFERING))
    if compressing:
        text = replaced(text, ("gzip off;", _GZIP))
    if unpacking:
        text = replaced(text, ("gzip off;", "gzip off; gunzip on;"))
    if asking:
        host = "proxy_set_header Host $http_host;"
        text = replaced(text, (host, f"{host} proxy_set_header Accept-Encoding {asking};"))
    file = directory / "nginx.conf"
    file.write_text(text)
    # Started by root its workers would be somebody else, who may not write here.
    settings = f"daemon off; pid {directory}/nginx.pid; error_log stderr warn;"
    command = [needs("nginx"), "-p", directory, "-c", file, "-e", "stderr", "-g", settings]
    # Plain, it is the address itself: a server that is open answers no name of others.
    host = f"http://127.0.0.1:{port}" if certificate is None else f"https://localhost:{port}"
    with answering(command, host + prefix, certificate=certificate):
        yield host + prefix
