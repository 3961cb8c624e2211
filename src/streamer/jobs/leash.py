"""Runs a program that ends when whoever holds our standard input does.

``python leash.py COMMAND…``: the command is killed when the input ends, which
is when its writer closes it or dies, however it dies (``kill -9``, out of
memory). No other means of this works on Linux and macOS alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Run `command`; return its exit code, 128 + n if signal n ended it."""
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
    code = main(sys.argv[1:])
    os._exit(code)
