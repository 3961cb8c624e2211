"""The machine that is measured on: its cores, its versions, what a process used."""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

from streamer.hub.fan_out import io_uring_problem

_TICK = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01


@dataclass(frozen=True)
class Layout:
    """Which cores do what; Redis has its own from the third core on."""

    server: frozenset[int]
    load: frozenset[int]
    redis: frozenset[int]

    def describe(self) -> str:
        def named(cores: frozenset[int]) -> str:
            return ("core " if len(cores) == 1 else "cores ") + ", ".join(map(str, sorted(cores)))

        return (
            f"servers on {named(self.server)}; load generator (readers and publishers) on "
            f"{named(self.load)}; Redis on {named(self.redis)}"
        )


def layout(*, shared: bool = False) -> Layout:
    """One core for the server, another for the load; `shared` makes do with a single one.

    Raises:
        SystemExit: there are too few cores, or no way to pin to them.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit("the benchmark pins processes to cores, which needs Linux")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2 and shared:
        cores *= 2
    if len(cores) < 2:
        raise SystemExit("the benchmark needs two cores: one for the server, one for the load")
    return Layout(
        server=frozenset(cores[:1]),
        load=frozenset(cores[1:2]),
        redis=frozenset(cores[2:3] or cores[1:2]),
    )


def raise_file_limit() -> int:
    """Allow as many open files as the system does; return how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    pids = [pid]
    for parent in pids:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            pids.extend(map(int, _read(children).split()))
    return pids


def cpu_seconds(pid: int) -> float:
    """CPU that a process and its living descendants have used, in seconds."""
    total = 0.0
    for one in family(pid):
        # The name, in parentheses, may hold anything; what follows is plain.
        fields = _read(Path(f"/proc/{one}/stat")).rpartition(")")[2].split()
        if fields:
            total += (int(fields[11]) + int(fields[12])) * _TICK
    return total


def resident_bytes(pid: int) -> int:
    """Memory of a process and its descendants, shared pages counted once (PSS), in bytes."""
    total = 0
    for one in family(pid):
        rollup = _read(Path(f"/proc/{one}/smaps_rollup"))
        found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
        total += int(found[1]) * 1024 if found else 0
    return total


def kernel_bytes() -> int:
    """Memory of the kernel's own objects, sockets and what they queue among them, in bytes."""
    slab = re.search(r"^Slab:\s+(\d+) kB", _read(Path("/proc/meminfo")), re.MULTILINE)
    queued = re.search(r"^TCP:.* mem (\d+)", _read(Path("/proc/net/sockstat")), re.MULTILINE)
    pages = int(queued[1]) * os.sysconf("SC_PAGE_SIZE") if queued else 0
    return (int(slab[1]) * 1024 if slab else 0) + pages


def describe() -> dict[str, str]:
    """What a reader of the results must know of this machine."""
    cpu = re.search(r"^model name\s*:\s*(.+)$", _read(Path("/proc/cpuinfo")), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", _read(Path("/proc/meminfo")), re.MULTILINE)
    return {
        "CPU": f"{cpu[1] if cpu else 'unknown'}, {os.cpu_count()} cores",
        "Memory": f"{int(memory[1]) / 1024**2:.0f} GiB" if memory else "unknown",
        "Kernel": f"{platform.system()} {platform.release()}",
        "io_uring": io_uring_problem() or "allowed",
        "TCP congestion control": _read(Path("/proc/sys/net/ipv4/tcp_congestion_control")).strip(),
        "Python": platform.python_version(),
        "nginx": _version(["nginx", "-v"], r"nginx/(\S+)"),
        "Nchan": _version(["dpkg-query", "-W", "libnginx-mod-nchan"], r"\s(\S+)"),
        "Redis": _version(["redis-server", "--version"], r"v=(\S+)"),
        "C compiler": _version(["cc", "--version"], r"(.+)"),
    } | {package: _package(package) for package in ("uvicorn", "uvloop", "sse-starlette")}


def _version(command: list[str], shape: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not installed"
    found = re.search(shape, done.stdout + done.stderr)
    return found[1] if found else "unknown"


def _package(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it ended between the listing and the reading
        return ""
