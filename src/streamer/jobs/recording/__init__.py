"""One kind of job: it records what an AI server streams, for a client that asked us for it.

Layout:

- `recording`: the job that asks, and records what comes.
- `recorder`: puts frames into the log: some at a time, in order, each once.
- `upstream`: the AI server, and the frames that it streams.
- `frames`: how the frames of the two streams are numbered, and when one of them is whole; pure.
- `record_events`: the events that a recording is made of; pure.
- `playback`: frames again, from those events; pure.
- `recordings`: recordings as a server sees them: asked for, cancelled, ended for a worker
  that is lost.
"""

__all__ = [
    "frames",
    "playback",
    "record_events",
    "recorder",
    "recording",
    "recordings",
    "upstream",
]
