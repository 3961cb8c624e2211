"""Runs a program that ends when whoever holds our standard input does.

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


def main(memory: int, command: list[str]) -> int:
    """Run `command`; return its exit code, 128 + n if signal n ended it."""
    # Of address space: what a small file can be made to unpack to is not bounded
    # by its size. macOS takes the limit and does not keep to it.
    with contextlib.suppress(ValueError, OSError):  # a lower one is set already
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    # Descriptors that were handed to us on purpose are handed on.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)

    def kill_at_end_of_input() -> None:
        while os.read(0, 1):
            pass
        child.kill()

    threading.Thread(target=kill_at_end_of_input, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    # Not sys.exit: a daemon thread that is reading would be waited for.
    code = main(int(sys.argv[1]), sys.argv[2:])
    os._exit(code)
