"""ffmpeg and ffprobe as child processes that are bounded and cannot outlive their job."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final, cast

from ...errors import JobsUnavailable
from ...processes import leash

#: Containers that hold their streams in themselves. Playlists and session
#: descriptions (hls, dash, concat, sdp, image2, …) name other files to open.
CONTAINERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf,mxf,gif,apng"
#: Tracks that a file may have; each costs a decoder. A film with every language has forty.
MAX_TRACKS: Final = 64
#: Pixels of a picture, as many as 4096 x 4096. Uncompressed pictures are what
#: takes memory, a dozen at a time, however small the file: 16,000 x 16,000 took
#: 1 GB. Cameras of 5.7K are below it.
MAX_PIXELS: Final = 4096 * 4096
#: For every input: nothing is fetched, nothing but `CONTAINERS` is opened, and
#: a header that declares less than the file holds does not get around the limits.
INPUT_LIMITS: Final = (
    *("-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS),
    *("-max_streams", str(MAX_TRACKS), "-max_pixels", str(MAX_PIXELS)),
)
#: Threads of one decoder or encoder: each holds pictures of its own, and ffmpeg
#: would start one and a half for each core.
THREADS: Final = min(4, os.cpu_count() or 1)

#: Bytes of address space of one child. For pictures of `MAX_PIXELS` the most demanding
#: codecs need 2 GB of it, and 1 GB of memory (H.264: 0.6 GB).
_MEMORY_BYTES: Final = 3 * 1024**3
#: Seconds between two looks at whether a running child is to be stopped. A
#: thread that waits in a system call cannot be interrupted.
_LOOK_SECONDS: Final = 0.1
#: Bytes of what a program complained about that are kept, from the end.
_ERROR_BYTES: Final = 2000
#: Bytes of one line of its output; its own are far shorter.
_LINE_BYTES: Final = 65536
_LEASH: Final = Path(leash.__file__)

#: Exit codes of a program that somebody ended: by a signal (128 + n, as the leash
#: says it), or 255, which is ffmpeg's when it was asked to end.
_ENDED_BY_OTHERS: Final = frozenset(
    {255, *(128 + n for n in (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM))}
)
#: The release that has ``-fps_mode``.
_FPS_MODE_SINCE: Final = (5, 1)
_NO_SPACE: Final = ("No space left on device", "Disk quota exceeded")


class FfmpegError(Exception):
    """A program of ffmpeg's did not do what it was to do."""


class FfmpegFailed(FfmpegError):
    """It cannot do this, and will not another time; the text says why."""


class FfmpegKilled(FfmpegError):
    """Something else ended it, as a system does that is out of memory; it may be tried again."""


class OutOfSpace(FfmpegError):
    """There is no room on the disk for what it makes; it may be tried again."""


def find_program(name: str) -> str:
    """The path of ``ffmpeg`` or ``ffprobe``.

    Raises:
        JobsUnavailable: it is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise JobsUnavailable(
            f"{name} is not installed here, so videos cannot be transcoded; install ffmpeg, "
            "as with 'sudo apt-get install ffmpeg' or 'brew install ffmpeg'"
        )
    return path


def variable_rate() -> tuple[str, str]:
    """The option that leaves each picture at its own time.

    It was renamed in ffmpeg 5.1, which the Linux of 2022 does not have.

    Raises:
        JobsUnavailable: ffmpeg is not installed.
    """
    lines: list[str] = []
    run_program("ffmpeg", ["-version"], on_line=lines.append, seconds=20.0)
    # "ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright"; a build of no release is newer.
    version = re.match(r"ffmpeg version n?(\d+)\.(\d+)", "".join(lines[:1]))
    if version is not None and (int(version[1]), int(version[2])) < _FPS_MODE_SINCE:
        return "-vsync", "vfr"
    return "-fps_mode", "vfr"


def descriptor_url(descriptor: int) -> str:
    """The input that is an open file, whatever has become of its name.

    A name is never part of a command: ffmpeg would take ``-y`` for an option,
    ``a:b`` for a protocol and ``%d`` for a pattern.
    """
    return f"file:/dev/fd/{descriptor}"


def run_ffmpeg(
    arguments: Sequence[str],
    *,
    descriptors: Sequence[int] = (),
    on_line: Callable[[str], None] = lambda _: None,
    check: Callable[[], None] = lambda: None,
    directory: Path | None = None,
    seconds: float = 600.0,
) -> None:
    """Run ffmpeg to its end, as `run_program` does."""
    run_program(
        "ffmpeg",
        ("-hide_banner", "-nostdin", "-loglevel", "error", *arguments),
        descriptors=descriptors,
        on_line=on_line,
        check=check,
        directory=directory,
        seconds=seconds,
    )


def run_program(
    name: str,
    arguments: Sequence[str],
    *,
    descriptors: Sequence[int] = (),
    on_line: Callable[[str], None] = lambda _: None,
    check: Callable[[], None] = lambda: None,
    directory: Path | None = None,
    seconds: float,
) -> str:
    """Run ``ffmpeg`` or ``ffprobe`` to its end; whatever ends this thread or process ends it too.

    Args:
        name: of the program.
        arguments: after the program's name.
        descriptors: open files that it inherits.
        on_line: called with each line of its standard output.
        check: called ten times a second; what it raises stops the program.
        directory: where it runs; a file that it complains about is named from there,
            and readers of a job's error do not learn where it lies.
        seconds: that it may take.

    Returns:
        What it complained about, the last 2,000 bytes.

    Raises:
        FfmpegFailed: it ended with an error, or took too long.
        FfmpegKilled: it was ended by a signal.
        OutOfSpace: the disk is full.
        JobsUnavailable: it is not installed.
    """
    command = [find_program(name), *arguments]
    for descriptor in descriptors:
        # Where /dev/fd/N is a copy of N (macOS), it begins where N is.
        os.lseek(descriptor, 0, os.SEEK_SET)
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_LEASH), str(_MEMORY_BYTES), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=tuple(descriptors),
        cwd=directory,
        start_new_session=True,  # a Ctrl-C is for the worker to handle
    )
    end = time.monotonic() + seconds

    def check_time() -> None:
        check()
        if time.monotonic() > end:
            raise FfmpegFailed(f"{name} was not done after {seconds:.0f} s, and was stopped")

    try:
        complaints = _follow(process, on_line, check_time).decode("utf-8", "replace").strip()
        code = process.wait()
    finally:
        _end(process)
    if code != 0:
        raise _error(name, code, complaints)
    return complaints


def _error(name: str, code: int, complaints: str) -> FfmpegError:
    if any(reason in complaints for reason in _NO_SPACE):
        return OutOfSpace(f"the disk is full: {complaints}")
    if code < 0 or code in _ENDED_BY_OTHERS:
        return FfmpegKilled(f"{name} was ended by something else (exit code {code})")
    return FfmpegFailed(complaints or f"{name} ended with exit code {code}")


def _follow(
    process: subprocess.Popen[bytes], on_line: Callable[[str], None], check: Callable[[], None]
) -> bytes:
    out, err = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stderr)
    rest = complaints = b""
    with selectors.DefaultSelector() as selector:
        selector.register(out, selectors.EVENT_READ)
        selector.register(err, selectors.EVENT_READ)
        while selector.get_map():
            check()
            for key, _ in selector.select(_LOOK_SECONDS):
                data = os.read(key.fd, 65536)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is err:
                    complaints = (complaints + data)[-_ERROR_BYTES:]
                else:
                    *lines, rest = (rest + data).split(b"\n")
                    rest = rest[-_LINE_BYTES:]
                    for line in lines:
                        on_line(line.decode("utf-8", "replace"))
    return complaints


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        # The leash and its program at once: they are a process group of their own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
