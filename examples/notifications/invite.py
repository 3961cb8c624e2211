"""Tells Ada something, as a web handler or a worker of yours would."""

import sys

import streamer

with streamer.SyncPublisher() as publisher:
    streamer.Notifications(publisher).notify("ada", "invited", message=sys.argv[1])
