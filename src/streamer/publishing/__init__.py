"""Publishing to the log, from coroutines and from threads.

Layout:

- `publisher`: the asynchronous publisher: what happens at the same time is appended at once.
- `sync_publisher`: the blocking publisher for workers: it buffers, so that a job waits for
  nothing.
- `event_buffer`: a bounded buffer of events that knows which of them can best be missed.
- `notifications`: what a platform tells its users, its admins and everybody, by any publisher.
- `answer`: an answer while it is said: what a worker or a web handler speaks into.
- `answer_events`: the events of an answer: said in chunks, then whole, or failed; told once over
  all attempts.
- `answer_event`: what those events say, as their readers get them.
- `notification_event`: what notifications of known types say, as their readers get them.
- `saying`: what an answer may say, as methods: text, reasoning, tools, sources, files, data,
  steps.
- `segments`: how an answer is cut: into parts, as it is said, and segments, of which each has an
  event.
- `said`: what is said of an answer and not yet told: pieces are joined by time, never dropped.
- `teller`: tells the answers of a process: what all of them said in 40 ms is appended at once.
- `job_publishing`: the typed job events as methods, for everything that can publish.
"""

__all__ = [
    "answer",
    "answer_event",
    "answer_events",
    "event_buffer",
    "job_publishing",
    "notification_event",
    "notifications",
    "publisher",
    "said",
    "saying",
    "segments",
    "sync_publisher",
    "teller",
]
