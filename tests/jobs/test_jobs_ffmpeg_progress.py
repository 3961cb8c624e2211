"""Reading what ffmpeg says of its progress."""

from __future__ import annotations

import pytest

from streamer.jobs.transcode.ffmpeg_progress import Report, ReportReader, fraction_done, read_report

BLOCK = """\
frame=27
fps=0.00
bitrate=   0.4kbits/s
total_size=48
out_time_us=928798
out_time_ms=928798
out_time=00:00:00.928798
dup_frames=0
drop_frames=0
speed=8.98x
progress=continue
"""


def test_a_block_becomes_a_report_at_its_last_line() -> None:
    reader = ReportReader()
    *firsts, last = [reader.feed(line) for line in BLOCK.splitlines()]
    assert firsts == [None] * 10
    assert last == Report(seconds=0.928798, frame=27, speed=8.98, finished=False)


def test_nothing_of_one_block_is_left_in_the_next() -> None:
    reader = ReportReader()
    for line in BLOCK.splitlines():
        reader.feed(line)
    assert reader.feed("progress=end") == Report(None, None, None, finished=True)


@pytest.mark.parametrize("line", ["", "   ", "no equals sign", "=", "a=", "[mp4 @ 0x5] odd"])
def test_a_line_that_is_none_of_its_own_is_no_report(line: str) -> None:
    assert ReportReader().feed(line) is None


@pytest.mark.parametrize(
    ("block", "report"),
    [
        ({}, Report(None, None, None, finished=False)),
        ({"out_time_us": "N/A", "speed": "N/A", "frame": "N/A"}, Report(None, None, None, False)),
        ({"out_time_us": "-23220"}, Report(0.0, None, None, False)),
        # Its name says milliseconds, its value is microseconds: never used.
        ({"out_time_ms": "928798"}, Report(None, None, None, False)),
        ({"speed": " 9.8x", "frame": "  1"}, Report(None, 1, 9.8, False)),
        ({"out_time_us": "nan", "frame": "inf"}, Report(None, None, None, False)),
        ({"out_time_us": "9223372036854775807"}, Report(None, None, None, False)),
        ({"out_time_us": "2000000", "progress": "end"}, Report(2.0, None, None, True)),
    ],
)
def test_a_block_is_read(block: dict[str, str], report: Report) -> None:
    assert read_report(block) == report


@pytest.mark.parametrize(
    ("seconds", "finished", "duration", "fraction"),
    [
        (1.0, False, 4.0, 0.25),
        (0.0, False, 4.0, 0.0),
        (4.0, False, 4.0, 0.99),  # the file's index is not written yet
        (9.0, False, 4.0, 0.99),  # longer than its header says
        (None, False, 4.0, None),
        (1.0, False, None, None),  # a probed duration of N/A
        (1.0, False, 0.0, None),
        (None, True, None, 0.99),
    ],
)
def test_the_fraction_done_is_of_the_probed_duration(
    seconds: float | None, finished: bool, duration: float | None, fraction: float | None
) -> None:
    assert fraction_done(Report(seconds, None, None, finished), duration) == fraction
