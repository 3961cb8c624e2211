"""``python -m streamer`` is ``streamer``."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from pathlib import Path


def start() -> None:
    """Run the command; a Ctrl-C while it is still being imported ends it without a traceback."""
    gc.disable()  # what is imported is no garbage, and is looked through again and again
    importing = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if importing:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .cli import main  # noqa: PLC0415 - see above

    for name in sys.argv[1:2]:
        main.commands.get(name)  # which is imported with it
    if importing:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.freeze()  # or it would be looked through now
    gc.enable()
    if sys.stdout is None:  # closed, as by `>&-`
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as we run
    try:
        main(prog_name="streamer")
    except OSError as error:  # of a help that cannot be written; commands say it themselves
        sys.stderr.write(f"{error.strerror or error}\n")
        sys.exit(1)
    finally:
        _discard_what_nobody_reads()


def _discard_what_nobody_reads() -> None:
    """Drop the rest of a help in ``| head``, of which Python would say at exit that it is left."""
    from .cli.command import discard_output  # noqa: PLC0415 - imported by now

    with contextlib.suppress(OSError, AttributeError):  # a full disk is said above; or none is open
        try:
            sys.__stdout__.flush()  # type: ignore[union-attr]
        except BrokenPipeError:
            discard_output()


if __name__ == "__main__":
    start()
