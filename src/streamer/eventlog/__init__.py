"""The event log: append, read, snapshot, notify."""
