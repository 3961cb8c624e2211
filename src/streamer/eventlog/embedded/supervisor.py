"""Keep one server running, and end it when whoever asked for it is gone.

Run as a program of its own, ``supervisor.py <server> <argument>...``, by
`embedded.EmbeddedServer`. Its standard input is a pipe that nobody writes to:
its end is the end of our parent, however that died, by SIGKILL too. What it
says on standard output is ``started <pid>`` and ``exited <code>``, line by line.

It runs with ``-I -S`` and may import nothing of ours: neither `backoff` nor
`processes.leash`. Nor would the thread of that one do: what runs between fork and exec
(`_end_with_us`) is safe only where there is one thread, and the server is ended in
order, and started again, where a leash kills.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

#: Seconds that a server may take to write its last bytes before it is killed.
_GRACE = 5.0
#: Seconds between two looks at who our parent is: a process forked from it may
#: hold the pipe open longer than it lives.
_PARENT_INTERVAL = 1.0
#: Seconds before a server that ended by itself is started again, at first and at most.
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
#: Seconds of running after which a server counts as sound again.
_SOUND = 10.0
#: PR_SET_PDEATHSIG of prctl(2): the signal a process gets when its parent dies.
_PR_SET_PDEATHSIG = 1


def main(command: list[str]) -> None:
    """Run `command` until standard input ends."""
    parent = os.getppid()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Asked to end: as if our parent were gone.
    ended = False

    def end(*_: object) -> None:
        nonlocal ended
        ended = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pause = _FIRST_PAUSE

    def orphaned(timeout: float) -> bool:
        """Wait for `timeout` seconds or a signal; whether our parent is gone."""
        readable, _, _ = select.select((0, woken), (), (), timeout)
        if woken in readable:
            os.read(woken, 512)
        return ended or os.getppid() != parent or (0 in readable and not os.read(0, 512))

    while True:
        # The lock on the data directory, among the inherited descriptors, goes
        # to the server: it is held for as long as anything writes there.
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=2,
            close_fds=False,
            preexec_fn=_end_with_us,  # noqa: PLW1509 - one thread, no locks to inherit
        )
        since = time.monotonic()
        _say(f"started {server.pid}")
        while server.poll() is None:
            if orphaned(_PARENT_INTERVAL):
                _end(server)
                return
        _say(f"exited {server.returncode}")
        pause = (
            _FIRST_PAUSE if time.monotonic() - since > _SOUND else min(2 * pause, _LONGEST_PAUSE)
        )
        again = time.monotonic() + pause
        while (left := again - time.monotonic()) > 0:
            if orphaned(left):
                return


def _end_with_us() -> None:
    """Let the server end too if the supervisor itself is killed; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_GRACE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _say(line: str) -> None:
    # Without a parent to hear it: standard input says so too.
    with contextlib.suppress(BrokenPipeError):
        print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
