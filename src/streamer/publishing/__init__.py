"""Publishing to the log, from coroutines and from threads.

Layout:

- `publisher`: the asynchronous publisher: what happens at the same time is appended at once.
- `sync_publisher`: the blocking publisher for workers: it buffers, so that a job waits for
  nothing.
- `outbox`: a bounded buffer of events that knows which of them can best be missed.
- `notifications`: what a platform tells its users, its admins and everybody, by any publisher.
- `job_publishing`: the typed job events as methods, for everything that can publish.
"""

__all__ = ["job_publishing", "notifications", "outbox", "publisher", "sync_publisher"]
