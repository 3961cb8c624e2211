"""The event log in the memory of one process, for tests and for trying out.

Layout:

- `log`: the event log in the memory of one process, for tests and for embedding.
- `topic`: one topic of the event log in memory.
- `notifications`: subscriptions to an event log in memory.
- `leases`: the leases of running jobs in the memory of one process.
- `access`: what is shared about access, in the memory of one process.
- `reader_cursors`: how far each subject has read each topic, in the memory of one process.
- `workers`: which workers there are, in the memory of one process.
"""

from .log import MemoryEventLog

__all__ = ["MemoryEventLog"]
