"""A task that says how far it is; run as a program, it asks for one."""

import time

from celery import Celery

import streamer

app = Celery("tasks", broker="redis://localhost:6379")
streamer.install(app)


@app.task
def resize(photos, *, project_id):
    for _ in streamer.track(range(photos), message="resizing"):
        time.sleep(0.1)  # the work
    return f"{photos} photos"


if __name__ == "__main__":
    resize.delay(50, project_id="demo")
