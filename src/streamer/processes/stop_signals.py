"""The signals that ask a process to stop in order."""

from __future__ import annotations

import os
import signal


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return SIGINT, SIGTERM, and SIGHUP, which a terminal sends when it is closed.

    A SIGHUP that is ignored stays so: that is what nohup(1) asks for.
    """
    asked = (signal.SIGINT, signal.SIGTERM)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return asked
    return (*asked, signal.SIGHUP)


def rereads_at_hangup(*, has_certificate: bool) -> bool:
    """Whether SIGHUP has a certificate read again, as of other servers that have one.

    Not of one that was started at a terminal: there it says that the terminal is closed.
    """
    return has_certificate and not os.isatty(0)
