"""A backup made the log of a data directory: loaded and checked beside it, then put in place."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .backup import NoBackup, check_backup, copy_synced
from .data_lock import DataLock
from .in_place import APPENDED, finish, has_log, put_in_place, sync_directory
from .server import EmbeddedServer, EmbeddedServerFailed

#: Where a backup is loaded before it is put in place.
_STAGE: Final = ".restore-"
#: The server's files: the first is what it begins with, an RDB; the second names it.
_BASE: Final = "appendonly.aof.1.base.rdb"
_MANIFEST: Final = "appendonly.aof.manifest"


def restore_from(
    source: Path, data_dir: Path, settle: Callable[[str], None], *, replace: bool
) -> bool:
    """Let the log of `data_dir` be what `source` holds; return whether another was replaced.

    Nothing is changed unless all of it succeeds.

    Args:
        source: a backup, as `backup_to` makes it.
        data_dir: made if it is not there; nothing may run on it.
        settle: called with the URL of a server that has loaded the backup, before it is
            put in place; what it raises stops that.
        replace: whether a log that is there may be replaced; it is kept as `REPLACED`.

    Raises:
        NoBackup: there is a log already, or `source` is damaged or no backup.
        DataDirectoryHeld: a server runs there.
        OSError: it cannot be read or written.
    """
    if not source.is_file():
        raise NoBackup(f"{source} is not there")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = DataLock(data_dir)
    lock.acquire()
    try:
        lock.announce("")
        finish(data_dir)
        is_replaced = has_log(data_dir)
        if is_replaced and not replace:
            raise NoBackup(
                f"{data_dir} has an event log; choose another directory with --data-dir or "
                f"STREAMER_DATA_DIR, or give --replace: what is there is kept beside it then"
            )
        check_backup(source)
        for left in data_dir.glob(f"{_STAGE}*"):  # by one that was killed
            shutil.rmtree(left, ignore_errors=True)
        stage = data_dir / f"{_STAGE}{secrets.token_hex(8)}"
        try:
            _load(source, stage, settle)
            put_in_place(stage / APPENDED, data_dir)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    finally:
        lock.release()
    return is_replaced


def _load(source: Path, stage: Path, settle: Callable[[str], None]) -> None:
    appended = stage / APPENDED
    appended.mkdir(mode=0o700, parents=True)
    copy_synced(source, appended / _BASE)
    (appended / _MANIFEST).write_text(f"file {_BASE} seq 1 type b\n")
    try:
        with EmbeddedServer(stage) as server:
            settle(server.url)
    except EmbeddedServerFailed as error:
        raise NoBackup(f"{source} could not be loaded: {error}") from error
    for path in appended.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    sync_directory(appended)
