"""The event log in Redis: its scripts, its keys, and what it notifies.

Layout:

- `log`: the event log in Redis or Valkey, 7.0 or newer.
- `append`: lay out a batch of events as append.lua takes it.
- `script`: Lua scripts beside this module, run by their digest.
- `keys`: the names of everything the log keeps in Redis.
- `stored`: read ids, and ranges of them, as the log stores them.
- `job_records`: read the jobs of a topic as append.lua stores them.
- `seen`: what one process knows of the ids that the log has given.
- `notifications`: one process's subscriptions to new events, over one connection to Redis.
- `glances`: how jobs stand, in Redis.
- `leases`: leases in Redis.
- `checkpoints`: checkpoints of jobs in Redis.
- `access`: what is shared about access, in Redis.
- `reader_cursors`: how far each subject has read each topic, in Redis.
- `presence`: who is there in conversations, in Redis.
- `typing`: who is typing in them, in Redis.
- `rules`: the rules of the log, in Redis.
- `push`: who is reached by Web Push, and what is to be sent, in Redis.
- `workers`: announcements of workers in Redis.
- `saving`: have a Redis write all that it holds to one file.
- `reports`: reports of processes in Redis.
- `upkeep`: what is looked after by hand, in Redis.
- `trial`: whether a Redis lets the event log do all that it will have to do.
- `about`: what kind of Redis is behind a URL, for whoever sets it up.
- `link/`: the connections to Redis, and where it is now.
"""

from .log import RedisEventLog

__all__ = ["RedisEventLog"]
