"""The event log: what every log promises, and the logs that keep it.

Layout:

- `base`: what an event log promises; every promise is tested over every log.
- `open`: open the event log that settings name.
- `found`: where the event log is that settings mean, whether or not they name it.
- `merge`: merge the pages of several topics into one, in the order of ids.
- `glances`: what a job is and how it stands, at a glance.
- `leases`: leases of running jobs: a worker that holds one shows signs of life; one that lapses
  is found.
- `checkpoints`: where jobs can go on from, kept beside the log: one checkpoint for each job, its
  last.
- `access`: what the processes of one log share about access, kept beside its events.
- `presence`: who is there in a conversation: everybody who reads it over a connection.
- `typing`: who is typing in a conversation, until they say no longer that they are.
- `reader_cursors`: how far each subject has read each topic, and how much it has not.
- `push`: who is reached by Web Push, and what is to be sent to whom: once, over all processes.
- `workers`: which workers there are: each announces itself, and is forgotten when it no longer
  does.
- `rules`: the rules of a log, as all its processes see them.
- `reports`: how each process does: it says so again and again, and is forgotten when it no longer
  does.
- `upkeep`: what is looked after in a log by hand: what is kept of a topic, and that it goes.
- `lifetimes`: how long a log remembers all but events, in milliseconds: the same of every
  log.
- `turns`: so many at a time, in the order in which they came, and nobody waits for ever.
- `embedded/`: a Valkey of our own, for those without one: started, watched over and stopped.
- `memory/`: The event log in the memory of one process, for tests and for trying out.
- `redis/`: The event log in Redis: its scripts, its keys, and what it notifies.
"""

__all__ = [
    "access",
    "base",
    "checkpoints",
    "embedded",
    "found",
    "glances",
    "leases",
    "lifetimes",
    "memory",
    "merge",
    "open",
    "presence",
    "push",
    "reader_cursors",
    "redis",
    "reports",
    "rules",
    "turns",
    "typing",
    "upkeep",
    "workers",
]
