"""What an application writes around a client that does not come back by itself."""

import os
import sys
import time
from collections.abc import Callable


def again(read: Callable[[str, list[str]], None]) -> None:
    """Call `read(url, [last id])` again whenever it ends or raises; with ``ONCE`` only once."""
    last = [""]
    while True:
        try:
            read(sys.argv[1], last)
        except (Exception, SystemExit) as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            if "ONCE" in os.environ:
                sys.exit(3)
        if "ONCE" in os.environ:
            return
        time.sleep(0.1)
