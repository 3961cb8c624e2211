"""A child process ends when its parent does, however that came about."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Final

#: Seconds for an end in order: long enough to tell readers to come back, no longer,
#: for the event log is gone too, and whoever starts the parent again wants the port.
_ORDERLY: Final = 1.0
#: Seconds after the second signal, which says "at once", before the process is ended as it is.
_AT_ONCE: Final = 10.0


def end_with_parent(fd: int | None) -> None:
    """Start ending this process once `fd`, a pipe from its parent, closes.

    The parent never writes and never closes it while it lives; a SIGKILL closes
    it too, which no handler of the parent could.
    """
    if fd is None:
        return

    def watch() -> None:
        os.read(fd, 1)
        for patience in (_ORDERLY, _AT_ONCE):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(patience)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
