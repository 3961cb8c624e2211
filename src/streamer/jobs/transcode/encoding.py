"""What ffmpeg is asked to make of a video; pure."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from .ffmpeg import INPUT_LIMITS, THREADS
from .ffmpeg_progress import REPORTS
from .packets import Extent
from .probe import PictureTrack, SoundTrack

#: Pictures a second, on average, that are kept; what a file of thousands a second
#: has above it nobody sees.
MAX_RATE: Final = 120
#: Pictures in a row that may be closer together, as after a stutter.
_BURST: Final = 30
#: Pixels of the output's width; a panorama that is wider gets bars above and below.
_MAX_WIDTH: Final = 4096
#: Ticks a second at most: with more, four-byte durations of MP4 overflow in a long hole.
_MAX_TICKS: Final = 90_000

#: Codecs and container by format, each quick rather than small.
_H264: Final = ("-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac")
_VP9: Final = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus")
_FORMATS: Final = {
    "mp4": (*_H264, "-movflags", "+faststart", "-f", "mp4"),
    "mkv": (*_H264, "-f", "matroska"),
    "webm": (*_VP9, "-b:v", "1M", "-f", "webm"),
}
FORMATS: Final = tuple(_FORMATS)
#: Seconds by which the last picture may last longer than those before it.
_LAST_SECONDS: Final = 0.1

#: Two channels at most: Opus knows no 5.1(side), browsers play few of the rest, and
#: a broadcast changes between them. 48 kHz is what Opus has and AAC takes.
_SOUND: Final = ("-ar", "48000")


def input_options(url: str) -> list[str]:
    """Read `url`, with bounds on what it may do."""
    return [*INPUT_LIMITS, "-threads", str(THREADS), "-i", url]


def sound_options(sound: SoundTrack) -> list[str]:
    """Make of a track of sound what every format and browser takes."""
    return [*_SOUND, "-ac", "1" if sound.channels == 1 else "2"]


def output_options(
    picture: PictureTrack,
    sound: SoundTrack | None,
    extent: Extent,
    *,
    start: float,
    variable_rate: tuple[str, str],
    height: int,
    output_format: str,
    path: str,
) -> list[str]:
    """Encode these two tracks to a file at `path`.

    Every picture keeps its time. A constant rate would repeat pictures for as
    long as a hole lasts, at a rate that ffmpeg guesses from the finest
    difference of two timestamps: 1,000 a second for a browser's recording.

    Args:
        picture: the track of pictures.
        sound: the track of sound, if there is one.
        extent: of the pictures.
        start: seconds at which the file begins, as `extent` counts them.
        variable_rate: the option that leaves each picture at its own time.
        height: of the output, in pixels.
        output_format: one of `FORMATS`.
        path: of the output.
    """
    sounds = [] if sound is None else ["-map", f"0:{sound.index}", *sound_options(sound)]
    options = [
        *("-map", f"0:{picture.index}", *sounds, "-dn", "-sn"),
        *("-map_metadata", "-1", "-map_chapters", "-1"),
        *("-vf", _filters(picture, height, _held(extent, start)), "-filter_threads", str(THREADS)),
        *(*variable_rate, "-enc_time_base", _time_base(picture.time_base)),
        *("-threads", str(THREADS), *_FORMATS[output_format]),
    ]
    if output_format != "webm":
        # Of what it takes for the rate H.264 derives the level that a player must have.
        options += ["-x264-params", f"fps={rate(extent)}"]
    return [*options, *REPORTS, "-y", f"file:{path}"]


def rate(extent: Extent) -> int:
    """Pictures a second, on average, from 1 to `MAX_RATE`."""
    if extent.seconds <= 0:
        return 25
    return min(max(1, round(extent.count / extent.seconds)), MAX_RATE)


def size(picture: PictureTrack, height: int) -> tuple[int, int]:
    """Width and height of the output: even, as 4:2:0 needs it."""
    return min(_even(height * picture.width / picture.height), _MAX_WIDTH), height


def _filters(picture: PictureTrack, height: int, held: list[str]) -> str:
    w, h = size(picture, height)
    fitted_w = f"min({w},max(2,2*round(iw*{h}/ih/2)))"
    fitted_h = f"if(lt({h}-ih*{w}/iw,4),{h},max(2,2*round(ih*{w}/iw/2)))"
    filters: Sequence[str] = (
        # A bucket that holds a burst and is filled at the highest rate.
        f"select='isnan(t-start_t)+lte(selected_n,{_BURST}+{MAX_RATE}*(t-start_t))'",
        # A picture of another shape than the first (a phone that was turned) is
        # fitted in, for the encoder takes one size.
        f"scale=w='{fitted_w}':h='{fitted_h}'",
        f"pad={w}:{h}:-1:-1",
        *held,
        # Whatever it was, also with 10 bits or transparent: the one that all can show.
        "format=yuv420p",
    )
    return ",".join(["yadif=deint=interlaced", *filters] if picture.interlaced else filters)


def _held(extent: Extent, start: float) -> list[str]:
    # A picture lasts until the next one; how long the last one lasts (of a slide
    # show) ffmpeg forgets on the way to its encoder, so it is shown again at the end.
    between = (extent.last - extent.start) / max(1, extent.count - 1)
    if extent.end - extent.last <= _LAST_SECONDS + 1.5 * between:
        return []
    last, end = extent.last - start, extent.end - start
    # The encoder makes it last as long as a picture does at the rate that it knows, if any.
    at = f"max({last + 0.001:.4f},{end:.4f}-if(gt(FR,0),1/FR,0))"
    moved = f"if(gt(T,{last:.4f}+0.0004),{at}/TB,PTS)"
    return ["tpad=stop=1:stop_mode=clone", f"setpts='{moved}'"]


def _even(number: float) -> int:
    return max(2, 2 * round(number / 2))


def _time_base(time_base: Fraction) -> str:
    finest = max(time_base, Fraction(1, _MAX_TICKS))
    return f"{finest.numerator}:{finest.denominator}"
