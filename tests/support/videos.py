"""Odd videos, each made by ffmpeg once a session."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from .requirements import needs
from .waiting import LONG_DEADLINE

#: A small picture with sound, two seconds.
PICTURE: Final = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=2")
SOUND: Final = ("-f", "lavfi", "-i", "sine=duration=2")
#: H.264, quickly.
H264: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


class Videos:
    """Makes videos in a directory of their own, and keeps them."""

    def __init__(self, directory: Path) -> None:
        self._directory: Final = directory

    def make(self, name: str, *arguments: str | Path) -> Path:
        """The video that ffmpeg makes of these arguments, under that name."""
        path = self._directory / name
        if not path.exists():
            command = [needs("ffmpeg"), "-nostdin", "-v", "error", "-y", *arguments, path]
            subprocess.run(command, check=True, timeout=LONG_DEADLINE)
        return path

    def recorded(self, name: str = "recorded.webm", *options: str, hole: float = 0.0) -> Path:
        """240 pictures in 8 s as a browser records them: irregular milliseconds, no rate.

        After the first four seconds nothing comes for `hole` seconds.
        """
        source = "testsrc2=size=160x120:rate=30:duration=8"
        times = f"N*33.3+floor(random(0)*16)+gte(N,120)*{hole * 1000}"
        return self.make(
            name,
            *("-f", "lavfi", "-i", f"{source},settb=1/1000,setpts='{times}'"),
            *("-fps_mode", "passthrough", "-enc_time_base", "1:1000"),
            *("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"),
            *options,
        )


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    """Makes odd videos."""
    return Videos(tmp_path_factory.mktemp("videos"))


def probed(path: Path) -> dict[str, Any]:
    """What ffprobe, asked by nobody of ours, says of a file; it counts the pictures."""
    command = [needs("ffprobe"), "-v", "error", "-count_frames", "-show_streams", "-show_format"]
    answer: dict[str, Any] = msgspec.json.decode(
        subprocess.check_output([*command, "-of", "json", path])
    )
    return answer


def track(path: Path, kind: str) -> dict[str, Any] | None:
    """What ffprobe says of the first ``video`` or ``audio`` track of a file."""
    found = [s for s in probed(path)["streams"] if s["codec_type"] == kind]
    return found[0] if found else None


def picture_times(path: Path) -> list[float]:
    """When each picture of a file is shown, in seconds."""
    command = [needs("ffprobe"), "-v", "error", "-select_streams", "v:0"]
    command += ["-show_entries", "frame=pts_time", "-of", "csv=p=0", str(path)]
    return [float(line.strip(",")) for line in subprocess.check_output(command, text=True).split()]
