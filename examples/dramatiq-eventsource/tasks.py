"""A job that says how far it is; run as a program, it asks for one."""

import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker

import streamer

broker = RedisBroker(url="redis://localhost:6379")
streamer.install(broker)
dramatiq.set_broker(broker)


@dramatiq.actor
def resize(photos, *, project_id):
    for _ in streamer.track(range(photos), message="resizing"):
        time.sleep(0.1)  # the work


if __name__ == "__main__":
    resize.send(50, project_id="demo")
