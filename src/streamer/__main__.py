"""``python -m streamer`` is ``streamer``."""

from .cli import main

main(prog_name="streamer")
