"""Streamer: publish from a worker, watch from anywhere."""

__version__ = "0.1.0"
