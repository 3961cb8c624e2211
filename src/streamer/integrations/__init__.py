"""Other people's queues and frameworks, one file for each.

An integration is a door: it may import what it needs, of ours and of others, and nothing
of ours imports it, another integration included. So it is added, changed and taken away
without a look at the rest; what it needs of a package that is not ours is an extra of the
distribution. ``streamer.install`` imports those of queues, each when it is used, and the
package's face names the others.

Layout:

- `arq`: what is enqueued, begun and ended in this process is reported as the life of a job.
- `celery`: what its signals say of every task is what is reported of its job.
- `django`: Django: whose session a connection has.
- `dramatiq`: any of its brokers, with our middleware where it belongs.
- `litestar`: Litestar: a plugin that mounts Streamer in an app, with all that its handlers use.
- `pytest`: the fixtures, which it finds by itself.
- `rq`: queues that report what is enqueued, and workers that report what becomes of it.
- `taskiq`: its middleware, which reports the life of every task as that of a job.
"""

__all__ = ["arq", "celery", "django", "dramatiq", "litestar", "pytest", "rq", "taskiq"]
