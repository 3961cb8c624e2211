"""A child process ends when its parent does, however that came about."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Final

#: Seconds for an orderly end before the process is ended as it is.
_GRACE: Final = 30.0


def end_with_parent(fd: int | None) -> None:
    """Start ending this process in order once `fd`, a pipe from its parent, closes.

    The parent never writes and never closes it while it lives; a SIGKILL closes
    it too, which no handler of the parent could.
    """
    if fd is None:
        return

    def watch() -> None:
        os.read(fd, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
