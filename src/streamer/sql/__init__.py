"""What is published within a transaction of the application's own database.

It is written as rows of that transaction, so that it is told if and only if it was
committed; a relay appends the rows to the event log, and removes them. It is
what is called a transactional outbox.

Layout:

- `table`: the table of what waits.
- `session_publisher`: publishes within the transaction of a session.
- `database`: a connection of an engine of either kind, used from a coroutine.
- `waiting_rows`: what waits: the oldest of it, and how it is removed.
- `relay`: appends what waits to the log, in order, each once.
"""

from importlib.util import find_spec

if find_spec("sqlalchemy") is None:
    raise ModuleNotFoundError(
        "publishing within a transaction needs SQLAlchemy; get it with: "
        "pip install 'streamer-sse[sqlalchemy]'",
        name="sqlalchemy",
    )

__all__ = ["database", "relay", "session_publisher", "table", "waiting_rows"]
