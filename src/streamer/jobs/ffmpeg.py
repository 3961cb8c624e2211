"""ffmpeg and ffprobe as child processes that cannot outlive their job."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec

from ..errors import JobsUnavailable

#: Containers that hold their streams in themselves. Playlists and session
#: descriptions (hls, dash, concat, sdp, image2, …) name other files to open.
CONTAINERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf,mxf"
#: For every input: nothing is fetched, nothing but `CONTAINERS` is opened.
INPUT_LIMITS: Final = ("-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS)

#: Seconds between two looks at whether a running child is to be stopped. A
#: thread that waits in a system call cannot be interrupted.
_LOOK_SECONDS: Final = 0.1
#: Seconds that reading a file's header may take.
_PROBE_SECONDS: Final = 20.0
#: Bytes of what ffmpeg complained about that are kept, from the end.
_ERROR_BYTES: Final = 2000
_LEASH: Final = Path(__file__).with_name("leash.py")


class FfmpegFailed(Exception):
    """The program ended with an error; the text is the last that it said."""


class Video(msgspec.Struct, frozen=True):
    """What a file holds: `width` and `height` in pixels, `duration` in seconds.

    ``duration`` is None where the file does not say.
    """

    width: int
    height: int
    duration: float | None


def find_program(name: str) -> str:
    """The path of ``ffmpeg`` or ``ffprobe``.

    Raises:
        JobsUnavailable: it is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise JobsUnavailable(f"{name} is not installed here; videos cannot be transcoded")
    return path


def probe(descriptor: int) -> Video | None:
    """Read the header of an open file; None if there is no video in it.

    Raises:
        JobsUnavailable: ffprobe is not installed.
    """
    command = [
        find_program("ffprobe"),
        *("-v", "error", *INPUT_LIMITS),
        *("-show_entries", "format=duration:stream=codec_type,width,height,duration"),
        *("-of", "json", descriptor_url(descriptor)),
    ]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=(descriptor,),
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode != 0:
        return None
    return read_probe(msgspec.json.decode(done.stdout))


def read_probe(answer: dict[str, Any]) -> Video | None:
    """The video in an answer of ffprobe; pure."""
    for stream in answer.get("streams", ()):
        if stream.get("codec_type") == "video" and stream.get("width") and stream.get("height"):
            durations = (answer.get("format", {}).get("duration"), stream.get("duration"))
            known = (_seconds(duration) for duration in durations)
            return Video(stream["width"], stream["height"], next(filter(None, known), None))
    return None


def descriptor_url(descriptor: int) -> str:
    """The input that is an open file, whatever has become of its name."""
    return f"file:/dev/fd/{descriptor}"


def run_ffmpeg(
    arguments: Sequence[str],
    *,
    descriptors: Sequence[int] = (),
    on_line: Callable[[str], None] = lambda _: None,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Run ffmpeg to its end; whatever ends this thread or process ends it too.

    Args:
        arguments: after the program's name.
        descriptors: open files that it inherits.
        on_line: called with each line of its standard output.
        check: called ten times a second; what it raises stops ffmpeg.

    Raises:
        FfmpegFailed: it ended with an error.
        JobsUnavailable: it is not installed.
    """
    command = [find_program("ffmpeg"), "-hide_banner", "-nostdin", "-loglevel", "error"]
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_LEASH), *command, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=tuple(descriptors),
        start_new_session=True,  # a Ctrl-C is for the worker to handle
    )
    try:
        complaints = _follow(process, on_line, check)
        code = process.wait()
    finally:
        _end(process)
    if code != 0:
        said = complaints.decode("utf-8", "replace").strip()
        raise FfmpegFailed(said or f"ffmpeg ended with exit code {code}")


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
                    for line in lines:
                        on_line(line.decode("ascii", "replace"))
    return complaints


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()  # the end of its input is what ends ffmpeg
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5.0)
    if process.poll() is None:
        process.kill()
        process.wait()


def _seconds(text: object) -> float | None:
    try:
        seconds = float(str(text))
    except ValueError:  # "N/A", or not there
        return None
    return seconds if 0 < seconds < 1e9 else None  # noqa: PLR2004 - no inf, no nan
