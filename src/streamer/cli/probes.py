"""What a start would need, tried one by one."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final

import msgspec

from ..config.settings import Settings
from ..errors import StreamerError
from .directories import why_not_writable
from .finding import Finding
from .listen import why_not_bindable
from .log_url import jobs_problem
from .process_probes import probe_processes
from .public_probes import clocks
from .redacted import without_password
from .strangers import is_open_to_strangers

#: Seconds that a program or a server gets to answer.
_PATIENCE: Final = 5.0


def probe_all(settings: Settings) -> list[Finding]:
    """Try everything that `settings` point to."""
    event_log, *clock = _event_log(settings)
    return [
        event_log,
        *clock,
        *(_rights(settings) if event_log.good is not False else ()),
        *(probe_processes(settings) if event_log.good is not False else ()),
        *_broker(settings),
        _access(settings),
        *_push(settings),
        *_certificate(settings),
        _port(settings),
        _fan_out(settings),
        _open_files(settings),
        *(_program(name) for name in ("ffmpeg", "ffprobe")),
        _directory("Data directory", settings.data_dir),
        _directory("Media directory", settings.media_dir),
        _directory("Output directory", settings.output_dir),
    ]


def _event_log(settings: Settings) -> list[Finding]:
    if settings.redis_url is None:
        return [_embedded(settings)]
    from ..eventlog.redis.about import describe

    shown = without_password(settings.redis_url)
    try:
        about = asyncio.run(describe(settings.redis_url, prefix=settings.prefix))
    except StreamerError as error:
        return [Finding("Redis", f"{shown}: {error.detail}", good=False)]
    found = (
        f"{about.server} {about.version} at {shown}, {about.latency_ms:.1f} ms away, "
        f"persistence: {about.persistence}"
    )
    if not about.new_enough:
        return [Finding("Redis", f"{found}; 7.0 or newer is needed", good=False)]
    clock = clocks("Redis's clock", about.ahead, precision=about.latency_ms / 1000)
    if about.policy not in {None, "noeviction"}:
        found += (
            f"; its maxmemory-policy is {about.policy}: when memory is short it evicts "
            "events, and readers receive a gap; noeviction refuses publishers instead"
        )
        return [Finding("Redis", found, good=None), clock]
    if about.persistence == "none":
        found += ": a restart of it loses all events; set appendonly yes"
    return [Finding("Redis", found, good=None if about.persistence == "none" else True), clock]


def _rights(settings: Settings) -> list[Finding]:
    """Whether that Redis lets us do all that the event log does."""
    if settings.redis_url is None:
        return []
    from ..eventlog.redis.trial import missing_rights

    replicas = settings.redis_wait_replicas
    try:
        missing = asyncio.run(
            missing_rights(settings.redis_url, prefix=settings.prefix, wait_replicas=replicas)
        )
    except StreamerError as error:
        return [Finding("Rights", error.detail, good=False)]
    if missing:
        found = f"its user may not run {', '.join(missing)}; docs/REDIS.md has a list of all rights"
        return [Finding("Rights", found, good=False)]
    return [Finding("Rights", "its user may do all that the event log needs")]


def _broker(settings: Settings) -> list[Finding]:
    if (problem := jobs_problem(settings)) is not None:
        return [Finding("Jobs", problem, good=None)]
    if settings.broker_url is None:
        return []  # they wait beside the events
    from ..eventlog.redis.about import describe

    shown = without_password(settings.broker_url)
    try:
        about = asyncio.run(describe(settings.broker_url))
    except StreamerError as error:
        return [Finding("Jobs", f"{shown}: {error.detail}", good=False)]
    return [Finding("Jobs", f"wait in {about.server} {about.version} at {shown}")]


def _embedded(settings: Settings) -> Finding:
    from ..eventlog.embedded.binary import find_server_binary
    from ..eventlog.embedded.data_lock import running_url

    try:
        binary = find_server_binary()
    except StreamerError as error:
        return Finding("Event log", error.detail, good=False)
    state = "runs" if running_url(settings.data_dir) else "starts with streamer run"
    return Finding("Event log", f"embedded, {_version(str(binary))}; it {state}")


def _access(settings: Settings) -> Finding:
    from ..access.trial import try_out

    if is_open_to_strangers(settings):
        why = f"{settings.host} is reached by others, and nothing says who is asking"
        return Finding("Access", f"{why}: no server starts; docs/TOKENS.md", good=False)
    trial = asyncio.run(try_out(settings))
    return Finding("Access", trial.found, trial.good)


def _push(settings: Settings) -> list[Finding]:
    """Whether pushes can be signed, where any are sent."""
    if settings.push_subject is None:
        return []
    from ..push.vapid import UnusableKey, set_key

    if settings.push_key is None:
        return [Finding("Web Push", "is signed with a key that the log keeps")]
    source, subject = settings.push_key, settings.push_subject

    async def sign() -> None:
        key = await set_key(source)()
        key.authorization("https://push.example", subject, time.time())

    try:
        asyncio.run(sign())
    except UnusableKey as error:
        found = f"STREAMER_PUSH_KEY cannot be used: {error}: no server starts"
        return [Finding("Web Push", found, good=False)]
    return [Finding("Web Push", "is signed with STREAMER_PUSH_KEY")]


def _certificate(settings: Settings) -> list[Finding]:
    if settings.tls_cert is None:
        return []
    from ..server.certificate import InvalidCertificate, read_certificate

    try:
        found = read_certificate(settings.tls_cert, settings.tls_key)
    except InvalidCertificate as error:
        return [Finding("TLS", str(error), good=False)]
    if problem := found.expires_soon():
        return [Finding("TLS", f"the certificate {problem}", good=None)]
    return [Finding("TLS", f"a certificate {found}")]


def _port(settings: Settings) -> Finding:
    what = f"Port {settings.port}"
    import httpx

    try:
        # Our own port, whatever server tail and others are to talk to, and whatever its
        # certificate is for.
        own = msgspec.structs.replace(settings, url=None).base_url
        answer = httpx.get(f"{own}/healthz", timeout=_PATIENCE, trust_env=False, verify=False)  # noqa: S501
    except (httpx.ConnectError, httpx.InvalidURL, UnicodeError):
        return _bindable(what, settings)
    except httpx.RequestError as error:
        return Finding(what, f"in use by something that does not speak HTTP ({error})", good=False)
    who = "a running Streamer" if answer.is_success else "another web server"
    return Finding(what, f"in use by {who}", good=answer.is_success)


def _bindable(what: str, settings: Settings) -> Finding:
    problem = why_not_bindable(settings.host, settings.port)
    if problem is not None:
        return Finding(what, f"cannot be used on {settings.host}: {problem}", good=False)
    return Finding(what, f"free on {settings.host}")


def _fan_out(settings: Settings) -> Finding:
    if not settings.io_uring:
        return Finding("Fan-out", "one system call for each reader; io_uring is switched off")
    from ..hub.fan_out import MANY, io_uring_problem

    if (problem := io_uring_problem()) is not None:
        found = f"one system call for each reader; no io_uring: {problem}"
        return Finding("Fan-out", found, good=None)
    return Finding("Fan-out", f"one system call for up to {MANY} readers, by io_uring")


def _open_files(settings: Settings) -> Finding:
    from ..server.descriptors import attainable, room_in

    wanted = settings.max_connections
    limit = attainable(wanted)
    room = room_in(limit, wanted)
    found = f"up to {limit}: room for {room.readers} readers in each process"
    if room.readers < wanted:
        return Finding("Open files", f"{found}, not {wanted}; raise ulimit -Hn", good=None)
    return Finding("Open files", found)


def _program(name: str) -> Finding:
    path = shutil.which(name)
    if path is None:
        return Finding(
            name, "not found: transcode jobs cannot run; sudo apt-get install ffmpeg", good=None
        )
    try:
        printed = subprocess.run(
            [path, "-version"], capture_output=True, text=True, timeout=_PATIENCE, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(name, f"{path} does not work: {error}", good=None)
    # The first line is: ffmpeg version 5.1.6 Copyright (c) ...
    version = printed.split(" Copyright", 1)[0].removeprefix(f"{name} version ")
    return Finding(name, f"{version} at {path}")


def _version(path: str) -> str:
    """What the server binary at `path` calls itself: "Valkey server v=9.1.2"."""
    try:
        printed = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_PATIENCE, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return path
    return " ".join(printed.split()[:3])


def _directory(what: str, path: Path) -> Finding:
    """Whether files can be written there; a directory that is missing is not made."""
    if _exists(path):
        problem = why_not_writable(path)
        found = f"{path} can be written" if problem is None else f"{path}: {problem}"
        return Finding(what, found, good=problem is None)
    parent = next(above for above in path.parents if _exists(above))
    problem = why_not_writable(parent)
    found = f"{path} will be made" if problem is None else f"{path} cannot be made in {parent}"
    return Finding(what, found if problem is None else f"{found}: {problem}", good=problem is None)


def _exists(path: Path) -> bool:
    """Whether something has this name, or nothing could: then a file there says why."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # too long, or may not be looked at
        return True
    return True
