"""What the header of a media file says of its tracks."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import msgspec

from .ffmpeg import (
    INPUT_LIMITS,
    MAX_PIXELS,
    MAX_TRACKS,
    FfmpegFailed,
    descriptor_url,
    run_program,
)

#: Seconds that reading a file's header may take.
_PROBE_SECONDS: Final = 20.0
#: Seconds that a video may last: half a day. What fits in a megabyte and says
#: that it lasts a week would keep a worker busy with silence.
MAX_SECONDS: Final = 12 * 3600.0
#: Formats whose header says how long they are; others are as long as what is in them.
_DECLARING: Final = frozenset({"mov", "matroska", "avi", "flv", "asf", "mxf"})
#: Formats whose clock may jump. ffmpeg leaves jumps out, so that the first and the
#: last time in the file do not say how long it is.
_JUMPING: Final = frozenset({"mpegts", "mpeg", "ogg"})
_ENTRIES: Final = (
    "format=format_name,duration"
    ":stream=index,codec_type,codec_name,width,height,duration,nb_frames,time_base,field_order"
    ",channels"
    ":stream_disposition=attached_pic,timed_thumbnails"
    ":stream_side_data=rotation"
)
#: ffprobe's words for what people meet, and ours.
_WORDS: Final = {
    "moov atom not found": "it is cut off: what says where its pictures are (moov) is missing",
    "max pixel count": f"its pictures have more than {MAX_PIXELS:,} pixels",
    "Picture size": f"its pictures have more than {MAX_PIXELS:,} pixels",
    "Format not on whitelist": "it is of a kind that is no video (a picture, sound, a playlist)",
    "max_streams": f"it has more than {MAX_TRACKS} tracks",
}


class Unreadable(Exception):
    """The file is not a video that can be transcoded; the text says why."""


class PictureTrack(msgspec.Struct, frozen=True, kw_only=True):
    """A track of moving pictures.

    Attributes:
        index: of the track in the file.
        width: in pixels, as it is shown: after rotation.
        height: in pixels, likewise.
        duration: in seconds; None if the header does not say.
        time_base: seconds of one tick of its timestamps.
        interlaced: whether a picture is two half pictures.
        codec: as ffmpeg calls it; empty if it knows none.
    """

    index: int
    width: int
    height: int
    duration: float | None = None
    time_base: Fraction = Fraction(1, 1000)
    interlaced: bool = False
    codec: str = ""


class SoundTrack(msgspec.Struct, frozen=True, kw_only=True):
    """A track of sound; its `duration` in seconds, None if the header does not say.

    `codec` is as for pictures.
    """

    index: int
    channels: int
    duration: float | None = None
    codec: str = ""


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds.

    Attributes:
        pictures: its tracks of moving pictures, in the file's order, at least one.
        sounds: its tracks of sound, likewise.
        duration: in seconds; None if the header does not say.
        declares: whether `duration` is what the header says, not what was found.
        matroska: whether it is a Matroska or WebM file.
        jumps: whether its clock may jump, so that its times say nothing of its length.
    """

    pictures: tuple[PictureTrack, ...]
    sounds: tuple[SoundTrack, ...] = ()
    duration: float | None = None
    declares: bool = False
    matroska: bool = False
    jumps: bool = False


def probe(descriptor: int) -> Media:
    """Read the header of an open file.

    Raises:
        Unreadable: it has no moving pictures, or is over a limit.
        FfmpegError: it could not be looked at; it may be a video.
        JobsUnavailable: ffprobe is not installed.
    """
    lines: list[str] = []
    try:
        said = run_program(
            "ffprobe",
            [
                *("-v", "error", *INPUT_LIMITS, "-show_entries", _ENTRIES),
                *("-of", "json", descriptor_url(descriptor)),
            ],
            descriptors=(descriptor,),
            on_line=lines.append,
            seconds=_PROBE_SECONDS,
        )
    except FfmpegFailed as error:
        said = str(error)
        # Its last word on it, without the address of the decoder before it.
        last = said.splitlines()[-1].rpartition(": ")[2][:100]
        raise Unreadable(_words_for(said) or f"ffprobe says: {last}") from error
    try:
        return check_limits(read_probe(msgspec.json.decode("\n".join(lines))))
    except Unreadable as error:
        raise Unreadable(_words_for(said) or str(error)) from error


def _words_for(said: str) -> str | None:
    return next((reason for text, reason in _WORDS.items() if text in said), None)


def read_probe(answer: dict[str, Any]) -> Media:
    """Read an answer of ffprobe; pure.

    Covers and thumbnails are not moving pictures, though they are video tracks.

    Raises:
        Unreadable: there are no moving pictures.
    """
    streams: list[dict[str, Any]] = answer.get("streams", [])
    container: dict[str, Any] = answer.get("format", {})
    formats = str(container.get("format_name")).split(",")
    videos = [s for s in streams if s.get("codec_type") == "video"]
    pictures = tuple(
        _picture(s, counted="avi" in formats)
        for s in videos
        if s.get("width") and s.get("height") and not _is_still(s)
    )
    if not pictures:
        raise Unreadable(
            "its only picture is a cover" if any(map(_is_still, videos)) else "it has no pictures"
        )
    return Media(
        pictures=pictures,
        sounds=tuple(
            SoundTrack(
                index=s["index"],
                channels=s.get("channels", 0),
                duration=_seconds(s.get("duration")),
                codec=s.get("codec_name", ""),
            )
            for s in streams
            if s.get("codec_type") == "audio"
        ),
        duration=_seconds(container.get("duration")),
        declares=not _DECLARING.isdisjoint(formats),
        matroska="matroska" in formats,
        jumps=not _JUMPING.isdisjoint(formats),
    )


def check_limits(media: Media) -> Media:
    """Return `media`; pure.

    Raises:
        Unreadable: it is over a limit.
    """
    for picture in media.pictures:
        if picture.width * picture.height > MAX_PIXELS:
            raise Unreadable(
                f"its pictures are {picture.width} x {picture.height}; "
                f"at most {MAX_PIXELS:,} pixels are allowed"
            )
    check_duration(media, media.duration)
    return media


def check_duration(media: Media, seconds: float | None) -> None:
    """Refuse what lasts too long, by its header or by what is in it; pure.

    Raises:
        Unreadable: it does.
    """
    if seconds is not None and seconds > MAX_SECONDS and not media.jumps:
        raise Unreadable(f"it lasts {seconds:,.0f} s; at most {MAX_SECONDS:,.0f} s are allowed")


def _is_still(stream: dict[str, Any]) -> bool:
    return any(stream.get("disposition", {}).values())


def _picture(stream: dict[str, Any], *, counted: bool) -> PictureTrack:
    width, height = stream["width"], stream["height"]
    time_base = _fraction(stream.get("time_base"))
    duration = _seconds(stream.get("duration"))
    if counted:
        # An AVI's header counts the pictures, one in each tick. Its duration ffprobe
        # shortens for a file that is cut off, so that nothing would be missing.
        duration = _seconds(float(time_base) * (_seconds(stream.get("nb_frames")) or 0.0))
    rotations = [data.get("rotation", 0) for data in stream.get("side_data_list", ())]
    if any(int(rotation) % 180 == 90 for rotation in rotations):  # noqa: PLR2004 - a quarter turn
        width, height = height, width
    return PictureTrack(
        index=stream["index"],
        width=width,
        height=height,
        duration=duration,
        time_base=time_base,
        interlaced=stream.get("field_order") in {"tt", "bb", "tb", "bt"},
        codec=stream.get("codec_name", ""),
    )


def _fraction(text: object) -> Fraction:
    try:
        fraction = Fraction(str(text))
    except (ValueError, ZeroDivisionError):
        return Fraction(1, 1000)
    return fraction if fraction > 0 else Fraction(1, 1000)


def _seconds(text: object) -> float | None:
    try:
        seconds = float(str(text))
    except ValueError:  # "N/A", or not there
        return None
    return seconds if 0 < seconds < 1e9 else None  # noqa: PLR2004 - no inf, no nan
