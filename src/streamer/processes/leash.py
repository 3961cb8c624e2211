"""Runs a program that ends when whoever holds our standard input does.

Run with ``-I -S``, so that it starts at once: it may import nothing of ours.

``python leash.py BYTES COMMAND…``: the command, which may use so much memory,
is killed when the input ends, which is when its writer closes it or dies,
however it dies (``kill -9``, out of memory). No other means of this works on
Linux and macOS alike.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable


def main(memory: int, command: list[str]) -> int:
    """Run `command`; return its exit code, 128 + n if signal n ended it."""
    # Of address space: what a small file can be made to unpack to is not bounded
    # by its size. macOS takes the limit and does not keep to it.
    with contextlib.suppress(ValueError, OSError):  # a lower one is set already
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    # Descriptors that were handed to us on purpose are handed on.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)

    at_end_of(0, child.kill)
    code = child.wait()
    return code if code >= 0 else 128 - code


def at_end_of(fd: int, end: Callable[[], object]) -> None:
    """Call `end`, in a thread of its own, when `fd` ends: a pipe from the parent.

    A parent that is killed closes it too, which no handler of the parent could.
    """

    def watch() -> None:
        while os.read(fd, 1):
            pass
        end()

    threading.Thread(target=watch, name="parent", daemon=True).start()


if __name__ == "__main__":
    # Not sys.exit: a daemon thread that is reading would be waited for.
    code = main(int(sys.argv[1]), sys.argv[2:])
    os._exit(code)
