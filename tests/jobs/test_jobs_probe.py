"""What ffprobe says of a file's tracks, read."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from streamer.jobs.transcode.probe import (
    Media,
    PictureTrack,
    SoundTrack,
    Unreadable,
    check_limits,
    read_probe,
)

VIDEO = {"index": 0, "codec_type": "video", "width": 320, "height": 240}
AUDIO = {"index": 1, "codec_type": "audio", "channels": 6}
COVER = {**VIDEO, "index": 2, "disposition": {"attached_pic": 1}}
THUMBNAILS = {**VIDEO, "index": 2, "disposition": {"attached_pic": 0, "timed_thumbnails": 1}}
PICTURE = PictureTrack(index=0, width=320, height=240)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({}, "it has no pictures"),
        ({"streams": []}, "it has no pictures"),
        ({"streams": [AUDIO]}, "it has no pictures"),
        ({"streams": [{"index": 0, "codec_type": "video"}]}, "it has no pictures"),
        ({"streams": [AUDIO, COVER]}, "its only picture is a cover"),
        ({"streams": [THUMBNAILS]}, "its only picture is a cover"),
    ],
)
def test_what_has_no_moving_pictures_is_no_video(answer: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_probe(answer)


@pytest.mark.parametrize(
    ("container", "duration"),
    [
        ({"duration": "1.5"}, 1.5),
        ({"duration": "N/A"}, None),
        ({"duration": "0.0"}, None),
        ({"duration": "-3"}, None),
        ({"duration": "inf"}, None),
        ({}, None),
    ],
)
def test_a_file_lasts_as_long_as_it_says_if_it_says_so(
    container: dict[str, str], duration: float | None
) -> None:
    assert read_probe({"streams": [VIDEO], "format": container}) == Media(
        pictures=(PICTURE,), duration=duration
    )


def test_pictures_and_sounds_are_told_apart_and_covers_are_neither() -> None:
    second = {**VIDEO, "index": 3, "duration": "2.0", "time_base": "1/90000", "field_order": "tt"}
    found = read_probe({"streams": [COVER, AUDIO, VIDEO, second]})
    assert found.pictures == (
        PICTURE,
        PictureTrack(
            index=3,
            width=320,
            height=240,
            duration=2.0,
            time_base=Fraction(1, 90000),
            interlaced=True,
        ),
    )
    assert found.sounds == (SoundTrack(index=1, channels=6),)


@pytest.mark.parametrize("time_base", ["0/0", "1/0", "0/1", "-1/25", "N/A", None])
def test_a_time_base_that_is_none_is_a_millisecond(time_base: str | None) -> None:
    (picture,) = read_probe({"streams": [{**VIDEO, "time_base": time_base}]}).pictures
    assert picture.time_base == Fraction(1, 1000)


@pytest.mark.parametrize(
    ("rotation", "size"), [(0, (320, 240)), (90, (240, 320)), (-90, (240, 320)), (180, (320, 240))]
)
def test_a_turned_picture_is_as_wide_as_it_is_shown(rotation: int, size: tuple[int, int]) -> None:
    stream = {**VIDEO, "side_data_list": [{}, {"rotation": rotation}]}
    (picture,) = read_probe({"streams": [stream]}).pictures
    assert (picture.width, picture.height) == size


@pytest.mark.parametrize(
    ("name", "declares", "jumps"),
    [
        ("mov,mp4,m4a,3gp,3g2,mj2", True, False),
        ("matroska,webm", True, False),
        ("avi", True, False),
        ("mpegts", False, True),
        ("ogg", False, True),
        ("gif", False, False),
        (None, False, False),
    ],
)
def test_some_formats_say_in_front_how_long_they_are_and_of_some_nobody_knows(
    name: str | None, declares: bool, jumps: bool
) -> None:
    found = read_probe({"streams": [VIDEO], "format": {"format_name": name}})
    assert (found.declares, found.jumps) == (declares, jumps)


def test_the_length_of_what_jumps_is_not_refused() -> None:
    """A day is what ffprobe says of a broadcast whose clock went back."""
    jumping = Media(pictures=(PICTURE,), duration=88_246.0, jumps=True)
    assert check_limits(jumping) is jumping


@pytest.mark.parametrize(
    ("media", "reason"),
    [
        (
            Media(pictures=(PICTURE, PictureTrack(index=1, width=16000, height=16000))),
            "16000 x 16000; at most 16,777,216 pixels",
        ),
        (Media(pictures=(PICTURE,), duration=86400.0), "86,400 s; at most 43,200 s"),
    ],
)
def test_what_is_over_a_limit_is_refused_with_the_limit(media: Media, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        check_limits(media)


def test_what_is_at_the_limits_passes() -> None:
    at_limit = Media(pictures=(PictureTrack(index=0, width=4096, height=4096),), duration=43_200.0)
    assert check_limits(at_limit) is at_limit
