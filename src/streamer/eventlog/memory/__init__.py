"""The event log in the memory of one process, for tests and for trying out.

Layout:

- `log`: the event log in the memory of one process, for tests and for embedding.
- `topic`: one topic of the event log in memory.
- `notifications`: subscriptions to an event log in memory.
- `glances`: how jobs stand, in the memory of one process.
- `leases`: the leases of running jobs in the memory of one process.
- `checkpoints`: checkpoints of jobs in the memory of one process.
- `access`: what is shared about access, in the memory of one process.
- `reader_cursors`: how far each subject has read each topic, in the memory of one process.
- `presence`: who is there in conversations, in the memory of one process.
- `typing`: who is typing in them, likewise.
- `rules`: the rules of a log in the memory of one process.
- `push`: who is reached by Web Push, and what is to be sent, in the memory of one process.
- `workers`: which workers there are, in the memory of one process.
- `reports`: reports of processes, in the memory of one process.
- `upkeep`: what is looked after by hand, in the memory of one process.
"""

from .log import MemoryEventLog

__all__ = ["MemoryEventLog"]
