"""The numbers of several processes are one, whatever becomes of the processes."""

from __future__ import annotations

import contextlib
import fcntl
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from streamer.prometheus import shared
from streamer.prometheus.families import CONNECTIONS, ENDED, GAPS, PUBLISH
from streamer.prometheus.numbers import Numbers
from streamer.prometheus.run_directory import run_directory
from streamer.prometheus.shared import Share

#: A process that counts, says so, and waits to be killed.
_VICTIM: Final = """
import sys
from pathlib import Path
from streamer.prometheus.families import CONNECTIONS, GAPS
from streamer.prometheus.numbers import Numbers
from streamer.prometheus.shared import Share
share, numbers = Share(Path(sys.argv[1])), Numbers()
numbers.set(GAPS, 5)
numbers.set(CONNECTIONS, 3, "sse")
share.write(numbers)
print("counted", flush=True)
sys.stdin.read()
"""


OpenShare = Callable[..., Share]


@pytest.fixture
def open_share(tmp_path: Path) -> Iterator[OpenShare]:
    """Processes of a host, all of them in this one; each is closed once."""
    with contextlib.ExitStack() as stack:

        def opened(directory: Path = tmp_path) -> Share:
            return stack.enter_context(contextlib.closing(Share(directory)))

        yield opened


def numbers(gaps: int, readers: int) -> Numbers:
    made = Numbers()
    made.set(GAPS, gaps)
    made.set(CONNECTIONS, readers, "sse")
    return made


def gaps_and_readers(found: Numbers) -> tuple[float, float]:
    return found[GAPS.name, "", ()], found.get((CONNECTIONS.name, "", ("sse",)), 0.0)


def test_whichever_process_is_asked_says_what_all_have_counted(
    open_share: OpenShare,
) -> None:
    shares = [open_share() for _ in range(3)]
    for number, share in enumerate(shares, start=1):
        share.write(numbers(gaps=number, readers=10 * number))
    assert [gaps_and_readers(share.read()) for share in shares] == [(6, 60)] * 3
    shares[0].write(numbers(gaps=2, readers=5))
    assert gaps_and_readers(shares[2].read()) == (7, 55)


def test_histograms_are_summed_bucket_by_bucket(open_share: OpenShare) -> None:
    shares = [open_share() for _ in range(2)]
    for share in shares:
        made = Numbers()
        made.set_histogram(PUBLISH, range(14), 1.5)
        share.write(made)
    total = shares[0].read()
    assert total[PUBLISH.name, "3", ()] == 6
    assert total[PUBLISH.name, "sum", ()] == 3.0


def test_a_process_that_is_killed_leaves_its_counts_and_nothing_else(
    open_share: OpenShare, tmp_path: Path
) -> None:
    mine = open_share()
    mine.write(numbers(gaps=1, readers=1))
    for killed in range(1, 4):
        victim = subprocess.Popen(
            [sys.executable, "-c", _VICTIM, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"counted\n"
        assert gaps_and_readers(mine.read()) == (1 + 5 * killed, 4)
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
        for _ in range(2):
            assert gaps_and_readers(mine.read()) == (1 + 5 * killed, 1)
        assert mine.read()[ENDED.name, "", ()] == killed
        files = [path.name for path in tmp_path.glob("*.numbers")]
        assert len(files) == 2, f"its own and that of the ended, not {files}"


@pytest.mark.parametrize("step", ["replace", "unlink"])
def test_who_is_killed_while_it_adds_another_up_adds_it_once(
    open_share: OpenShare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    for _ in range(2):
        ended = Share(tmp_path)
        ended.write(numbers(gaps=7, readers=2))
        ended.close()
    mine = open_share()
    real = getattr(Path, step)

    def killed(path: Path, *arguments: object, **more: object) -> None:
        if path.suffix == ".numbers" or step == "replace":
            raise KeyboardInterrupt
        real(path, *arguments, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Path, step, killed)
        with pytest.raises(KeyboardInterrupt):
            mine.read()
    # Another looks while nobody can go on, and when it has.
    with monkeypatch.context() as patched, (tmp_path / "lock").open("ab") as file:
        patched.setattr(shared, "_PATIENCE", 0.0)
        fcntl.flock(file, fcntl.LOCK_EX)
        assert mine.read()[GAPS.name, "", ()] == 14
    assert gaps_and_readers(mine.read()) == (14, 0)
    assert len(list(tmp_path.glob("*.numbers"))) == 2


def test_a_process_that_holds_the_lock_stops_nobody_for_long(
    open_share: OpenShare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_PATIENCE", 0.05)
    ended = Share(tmp_path)
    ended.write(numbers(gaps=7, readers=2))
    ended.close()
    mine = open_share()
    mine.write(numbers(gaps=1, readers=1))
    with (tmp_path / "lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert gaps_and_readers(mine.read()) == (8, 3)  # nobody has looked who has ended
    assert gaps_and_readers(mine.read()) == (8, 1)


def test_a_file_that_was_never_written_says_nothing(open_share: OpenShare, tmp_path: Path) -> None:
    mine = open_share()
    mine.write(numbers(gaps=1, readers=1))
    (tmp_path / "0123456789abcdef.numbers").touch()
    assert gaps_and_readers(mine.read()) == (1, 1)
    assert len(list(tmp_path.glob("*.numbers"))) == 2


def test_the_directory_of_a_run_ends_with_it_and_those_of_killed_runs_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.prometheus.run_directory._SHM", tmp_path)
    killed = tmp_path / "streamer-metrics-killed"
    Share(killed).close()
    (killed / "run").touch()
    foreign = tmp_path / "streamer-metrics-foreign"
    foreign.mkdir()
    with run_directory() as first:
        assert sorted(tmp_path.iterdir()) == sorted([first, foreign])
        with run_directory() as second:
            assert first.is_dir()
        assert not second.exists()
    assert list(tmp_path.iterdir()) == [foreign]
