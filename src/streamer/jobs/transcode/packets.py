"""What is really in the tracks of a media file, whatever its header says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from .ffmpeg import INPUT_LIMITS, FfmpegFailed, descriptor_url, run_program
from .probe import Media

#: Seconds that reading a file from end to end may take, without decoding it.
_READ_SECONDS: Final = 600.0
#: A file is cut off if more than so many seconds of it are missing, and ffprobe
#: complained; a header may be off by the length of a picture.
_MISSING_SECONDS: Final = 0.5
#: The same where ffprobe did not complain, with a share of what the header says: a
#: recorder's header may count the time until it was stopped, after the last picture.
_MISSING_IN_SILENCE: Final = (2.0, 0.05)


class Extent(msgspec.Struct):
    """The packets of one track: how many, and their times in seconds.

    ``last`` is when the last of them begins, ``end`` when it ends, where that is
    known, or else the same. Without any, ``start`` is above ``end``.
    """

    count: int = 0
    start: float = math.inf
    last: float = -math.inf
    end: float = -math.inf

    @property
    def seconds(self) -> float:
        """From the first packet's start to the last one's end."""
        return max(0.0, self.end - self.start)


class Packets(msgspec.Struct, frozen=True):
    """The extent of each track, by its index, and what ffprobe complained about."""

    tracks: Mapping[int, Extent]
    complaints: str = ""

    @property
    def start(self) -> float:
        """When the first packet of all begins; ffmpeg counts an output's time from it."""
        return min((extent.start for extent in self.tracks.values()), default=0.0)

    def of(self, index: int) -> Extent:
        """The extent of one track, which may have no packets."""
        return self.tracks.get(index, Extent())

    def seconds_to(self, indexes: Iterable[int]) -> float:
        """Seconds from the start of the file to the end of the last of these tracks."""
        return max((self.of(index).end - self.start for index in indexes), default=0.0)


class PacketReader:
    """Takes lines of ffprobe about packets: index, time, decoding time, duration, flags; pure."""

    def __init__(self) -> None:
        self.tracks: dict[int, Extent] = {}

    def feed(self, line: str) -> None:
        """Take one line, as in ``0,1.280000,1.240000,0.040000,K_``."""
        fields = line.split(",")
        if len(fields) < 5 or not fields[0].isdigit() or "D" in fields[4]:  # noqa: PLR2004
            return  # "D" is not to be shown: it lies outside of what an edit list cuts out
        extent = self.tracks.setdefault(int(fields[0]), Extent())
        extent.count += 1
        time = _number(fields[1])
        time = _number(fields[2]) if time is None else time
        if time is None:
            return
        extent.start = min(extent.start, time)
        extent.last = max(extent.last, time)
        extent.end = max(extent.end, time + max(0.0, _number(fields[3]) or 0.0))


def read_packets(descriptor: int, *, check: Callable[[], None] = lambda: None) -> Packets:
    """Read all packets of an open file, and decode none.

    Raises:
        FfmpegError: it cannot be read.
        JobsUnavailable: ffprobe is not installed.
    """
    reader = PacketReader()
    complaints = run_program(
        "ffprobe",
        [
            *("-v", "error", *INPUT_LIMITS),
            *("-show_entries", "packet=stream_index,pts_time,dts_time,duration_time,flags"),
            *("-of", "csv=p=0", descriptor_url(descriptor)),
        ],
        descriptors=(descriptor,),
        on_line=reader.feed,
        check=check,
        seconds=_READ_SECONDS,
    )
    return Packets(reader.tracks, complaints)


def check_whole(media: Media, packets: Packets, indexes: Iterable[int]) -> None:
    """Refuse a file that ends before its header says; pure.

    Half of it would look like a success.

    Raises:
        FfmpegFailed: it does, or there is nothing in it.
    """
    if not media.declares:
        return
    declares = {picture.index: picture.duration for picture in media.pictures}
    declares |= {sound.index: sound.duration for sound in media.sounds}
    chosen = [(declares.get(index), packets.of(index)) for index in indexes]
    for declared, extent in chosen:
        # A header may count from the track's own start or from the file's.
        _check_end(declared, max(extent.end, extent.seconds), packets.complaints)
    if any(declared is None for declared, _ in chosen):
        end = max((extent.end for extent in packets.tracks.values()), default=0.0)
        _check_end(media.duration, max(end, end - packets.start), packets.complaints)


def _check_end(declared: float | None, found: float, complaints: str) -> None:
    if declared is None:
        return
    least, share = _MISSING_IN_SILENCE
    allowed = _MISSING_SECONDS if complaints else max(least, share * declared)
    if declared - found > allowed:
        raise FfmpegFailed(
            f"the file is cut off: it should last {declared:.1f} s, "
            f"and only {max(0.0, found):.1f} s are there"
        )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:  # "N/A"
        return None
