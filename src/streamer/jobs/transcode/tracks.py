"""Which tracks of a video are transcoded: the first of each sort that can be decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from .encoding import input_options, sound_options
from .ffmpeg import FfmpegFailed, descriptor_url, run_ffmpeg
from .packets import Packets
from .probe import Media, PictureTrack, SoundTrack

#: Seconds that decoding the first picture or sound may take: it may come late.
_TRY_SECONDS: Final = 120.0
#: Tracks of a sort that are tried: one is good nearly always.
_MAX_TRIES: Final = 8


class Tracks(NamedTuple):
    """The tracks to transcode, and what whoever asked for it should know of that."""

    picture: PictureTrack
    sound: SoundTrack | None
    warnings: tuple[str, ...]


def choose_tracks(
    descriptor: int,
    media: Media,
    packets: Packets,
    *,
    check: Callable[[], None] = lambda: None,
) -> Tracks:
    """Decode the first bit of each track until one of each sort can be.

    A track of a single picture comes last: it may be a cover that is not marked as one.

    Raises:
        FfmpegFailed: no picture can be decoded.
        FfmpegKilled: something ended ffmpeg.
        JobsUnavailable: ffmpeg is not installed.
    """
    warnings: list[str] = []
    reason = ""
    pictures = sorted(media.pictures, key=lambda track: packets.of(track.index).count <= 1)
    for picture in pictures[:_MAX_TRIES]:
        reason = _problem(descriptor, picture.index, ["-frames:v", "1"], check)
        if not reason:
            break
        warnings.append(f"the pictures of track {picture.index} cannot be decoded")
    else:
        raise FfmpegFailed(f"no picture can be decoded: {reason}")
    chosen = None
    for sound in media.sounds[:_MAX_TRIES]:
        options = ["-frames:a", "1", *sound_options(sound)]
        if not _problem(descriptor, sound.index, options, check):
            chosen = sound
            break
        warnings.append(f"the sound of track {sound.index} cannot be decoded and is left out")
    return Tracks(picture, chosen, tuple(warnings))


def _problem(descriptor: int, index: int, options: list[str], check: Callable[[], None]) -> str:
    """Why a track cannot be decoded; empty if it can."""
    frames: list[str] = []
    try:
        run_ffmpeg(
            [
                *input_options(descriptor_url(descriptor)),
                *("-map", f"0:{index}", *options, "-f", "framecrc", "pipe:1"),
            ],
            descriptors=(descriptor,),
            on_line=lambda line: None if line.startswith("#") else frames.append(line),
            check=check,
            seconds=_TRY_SECONDS,
        )
    except FfmpegFailed as error:
        return str(error)
    return "" if frames else "nothing came out"
