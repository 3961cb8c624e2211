"""The connections to Redis, and where it is now.

Layout:

- `connection`: a connection to Redis whose replies are taken as they arrive, many at once.
- `pipelined`: a connection whose commands are sent at once, and whose replies come in the
  same order.
- `pipeline`: the connection that commands go over, to where the log is now; opened again when
  it is lost.
- `lent`: connections that are lent to one command at a time, which may block them.
- `pubsub`: a connection to Redis that only subscribes, made for many notifications a second.
- `commands`: commands to the server that takes the log's writes, wherever it is now.
- `failures`: turn what goes wrong with Redis into `LogUnavailable`, saying what to do.
- `questions`: a few questions to one server, which need not have the log.
- `route`: where the log is now, when servers take over from each other.
- `search`: who is asked where the log is, by its URL.
- `sentinel`: the master that Redis Sentinel watches over.
- `cluster`: the node of a Redis Cluster that owns the log's slot.
"""

__all__ = [
    "cluster",
    "commands",
    "connection",
    "failures",
    "lent",
    "pipeline",
    "pipelined",
    "pubsub",
    "questions",
    "route",
    "search",
    "sentinel",
]
