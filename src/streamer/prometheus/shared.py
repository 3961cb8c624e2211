"""The numbers of all processes of a host: a file of each, in one directory."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import secrets
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from prometheus_client.mmap_dict import MmapedDict

from .families import ENDED
from .numbers import Key, Numbers

#: What the files are called: one of each process, and one for all that have ended.
_SUFFIX: Final = ".numbers"
_ENDED: Final = "ended"
#: The key under which the last process is named that was added to the ended ones.
_LAST: Final = "last"
#: Seconds that a look waits for another; a process may be stopped while it looks.
_PATIENCE: Final = 1.0
_LOOK_AGAIN: Final = 0.01


_logger: Final = logging.getLogger(__name__)


class Share:
    """What this process counts, where the others find it, and what they do.

    The file is mapped into memory: what was written last is there also when the process
    was killed. It is locked for as long as the process lives; one that is not locked is of
    a process that has ended, whose counts are added to `_ENDED`, once, and whose gauges are
    over. So no count ever falls, and nothing is left behind.

    Args:
        directory: of the run; it is made if it is not there.

    Raises:
        OSError: it cannot be made, or written to.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory: Final = directory
        self._name: Final = secrets.token_hex(8)
        new = directory / f"{self._name}.new"
        self._lock: Final = new.open("ab")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._file: Final = MmapedDict(str(new))
        self._written: Final = Numbers()
        new.replace(self._path(self._name))  # locked before anybody finds it

    def write(self, numbers: Numbers) -> None:
        """Say what this process has counted until now."""
        for key, value in numbers.items():
            if self._written.get(key) != value:
                self._file.write_value(json.dumps(key), value, 0.0)
                self._written[key] = value

    def read(self) -> Numbers:
        """All that was counted on this host; it reads files, and waits a second at most."""
        total = Numbers()
        with self._alone() as is_alone:
            if is_alone:
                self._add_up_the_ended()
            ended, last = _read(self._path(_ENDED))
            total.add(ended)
            for path in self._files():
                if path.name != last:
                    total.add(_read(path)[0])
        return total

    def close(self) -> None:
        """Leave; what was counted stays."""
        self._file.close()
        self._lock.close()

    def _add_up_the_ended(self) -> None:
        for path in self._files():
            if path != self._path(self._name) and _has_ended(path):
                ended, last = _read(self._path(_ENDED))
                if path.name != last:
                    ended.add(_read(path)[0].lasting())
                    ended.count(ENDED)
                    self._keep(ended, path.name)
                path.unlink()

    def _keep(self, ended: Numbers, last: str) -> None:
        """Write all of the ended at once: whoever is killed here has added it, or has not."""
        new = self._directory / f"{_ENDED}.new"
        new.unlink(missing_ok=True)
        written = MmapedDict(str(new))
        for key, value in ended.items():
            written.write_value(json.dumps(key), value, 0.0)
        written.write_value(json.dumps((_LAST, last, ())), 1.0, 0.0)
        written.close()
        new.replace(self._path(_ENDED))

    def _files(self) -> list[Path]:
        found = sorted(self._directory.glob(f"*{_SUFFIX}"))
        return [path for path in found if path != self._path(_ENDED)]

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}{_SUFFIX}"

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Keep others from looking meanwhile; yield whether that was possible in time."""
        until = time.monotonic() + _PATIENCE
        with (self._directory / "lock").open("ab") as file:
            while not (locked := _lock(file)) and time.monotonic() < until:
                time.sleep(_LOOK_AGAIN)
            yield locked


def opened(directory: Path) -> Share | None:
    """What a process counts, in `directory`; None if nothing can be written there, which is logged.

    Serving readers, and running jobs, is more than being seen at it.
    """
    try:
        return Share(directory)
    except OSError as error:
        _logger.error(  # noqa: TRY400 - the reason is said
            "nothing can be written into %s (%s): /metrics does not show this process among "
            "others; STREAMER_METRICS_DIR chooses another directory",
            directory,
            error.strerror or error,
        )
        return None


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _has_ended(path: Path) -> bool:
    with path.open("rb") as file:
        return _lock(file)


def _read(path: Path) -> tuple[Numbers, str]:
    """The numbers in a file, and of the ended ones the last that was added; none if it is gone."""
    numbers, last = Numbers(), ""
    # Of a process that was killed while it made it, it may be empty.
    with contextlib.suppress(FileNotFoundError, struct.error):
        for text, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):
            name, part, labels = json.loads(text)
            if name == _LAST:
                last = part
            else:
                key: Key = (name, part, tuple(labels))
                numbers[key] = value
    return numbers, last
