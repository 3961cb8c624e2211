"""A script that says how far it is."""

import time

import streamer

with streamer.job("encode", project="demo") as job:
    for _ in job.track(range(24), message="encoding"):
        time.sleep(0.1)  # the work
    job.result = {"frames": 24}
