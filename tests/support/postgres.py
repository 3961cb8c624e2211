"""A real PostgreSQL of the whole session."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from .requirements import needs
from .waiting import DEADLINE, wait_until_blocking

#: As which it runs where root tests: it refuses to be root.
_NOBODY: Final = "nobody"


class Postgres:
    """Listens on a Unix socket; what it is told to keep, it need not keep over a crash."""

    def __init__(self, directory: Path) -> None:
        self._directory: Final = directory
        self._binary: Final = Path(needs("postgres")).resolve()
        self._user: Final = _NOBODY if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, driver: str) -> str:
        """Of its one database, as SQLAlchemy has it."""
        return f"postgresql+{driver}://postgres@/postgres?host={self._directory}"

    def start(self) -> None:
        if self._user is not None:
            shutil.chown(self._directory, self._user)
        data = self._directory / "data"
        made = ("-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        subprocess.run(
            [self._binary.with_name("initdb"), *made],
            user=self._user,
            cwd=self._directory,
            capture_output=True,
            check=True,
        )
        settings = ("fsync=off", f"unix_socket_directories={self._directory}", "listen_addresses=")
        self._process = subprocess.Popen(
            [self._binary, "-D", data, *(part for each in settings for part in ("-c", each))],
            user=self._user,
            cwd=self._directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until_blocking(self._answers, "postgres did not come up")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # ends every connection, and itself
            self._process.wait(DEADLINE)

    def execute(self, statement: str) -> None:
        import psycopg  # not at hand where the wheel alone is tested

        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _server(self) -> str:
        return f"host={self._directory} user=postgres dbname=postgres"

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "postgres ended at once"
        import psycopg

        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The PostgreSQL of the whole session; do not break it, and drop what you make."""
    directory = Path(tempfile.mkdtemp(prefix="st-"))
    server = Postgres(directory)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)
