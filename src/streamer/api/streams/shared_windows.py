"""The shared windows of this process: of all its streams, over whichever transport."""

from __future__ import annotations

import time
from typing import Final

from ...wire.windows import Windows

WINDOWS: Final = Windows(time.monotonic)
