"""A log in Redis that is put back to an older state of itself, or emptied."""

from __future__ import annotations

from .servers import Server


class Rollback:
    """What a restore or a failover does to a log: its keys are those of an earlier moment."""

    def __init__(self, server: Server, prefix: str) -> None:
        self._server = server
        self._prefix = prefix
        self._saved: dict[bytes, bytes] = {}

    def save(self) -> None:
        """Remember the log as it is."""
        with self._server.client() as client:
            names = list(client.scan_iter(f"{{{self._prefix}}}*", 1000))
            self._saved = {name: client.dump(name) or b"" for name in names}

    def restore(self) -> None:
        """Put it back."""
        self.flush()
        with self._server.client() as client:
            for name, dump in self._saved.items():
                client.restore(name, 0, dump)

    def flush(self) -> None:
        """Empty it."""
        with self._server.client() as client:
            names = list(client.scan_iter(f"{{{self._prefix}}}*", 1000))
            client.delete(*names)

    def put_ahead(self, seconds: int = 60) -> None:
        """Let ids be ahead of the host's clock, as if that had been set back."""
        with self._server.client() as client:
            ms, seq = client.time()
            client.set(f"{{{self._prefix}}}:clock", f"{(ms + seconds) * 1000}-{seq}")

    def deafen(self) -> None:
        """Cut everybody's connection for notifications."""
        with self._server.client() as client:
            client.client_kill_filter(_type="pubsub")
