"""The event log: what every log promises, and the logs that keep it.

Layout:

- `base`: what an event log promises; every promise is tested over every log.
- `open`: open the event log that settings name.
- `merge`: merge the pages of several topics into one, in the order of ids.
- `leases`: leases of running jobs: a worker that holds one shows signs of life; one that lapses
  is found.
- `access`: what the processes of one log share about access, kept beside its events.
- `reader_cursors`: how far each subject has read each topic, and how much it has not.
- `workers`: which workers there are: each announces itself, and is forgotten when it no longer
  does.
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
    "embedded",
    "leases",
    "lifetimes",
    "memory",
    "merge",
    "open",
    "reader_cursors",
    "redis",
    "turns",
    "workers",
]
