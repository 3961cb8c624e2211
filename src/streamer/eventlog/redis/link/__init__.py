"""The connections to Redis, and where it is now.

Layout:

- `connection`: a connection to Redis whose replies are taken as they arrive, many at once.
- `pipeline`: commands over one connection: each is sent at once, replies come in the same
  order.
- `pubsub`: a connection to Redis that only subscribes, made for many notifications a second.
- `commands`: commands to the server that takes the log's writes, wherever it is now.
- `failures`: turn what goes wrong with Redis into `LogUnavailable`, saying what to do.
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
    "pipeline",
    "pubsub",
    "route",
    "search",
    "sentinel",
]
