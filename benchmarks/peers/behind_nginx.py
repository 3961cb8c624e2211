"""Streamer, and beside it the nginx that the command line says: one server to the benchmark."""

from __future__ import annotations

import subprocess
import sys

from streamer.config.settings import Settings
from streamer.server.server import serve

# It is in this process's group, and ends with it.
subprocess.Popen(sys.argv[1:])
serve(Settings.from_env())
