"""Settings, and the URLs and names they hold; pure.

Layout:

- `settings`: every setting of Streamer: its default, its unit, what is allowed and a line of
  help.
- `ai`: who answers in conversations, as a setting has it.
- `auth`: what the settings of access may hold, and which of them go together.
- `reading`: one setting: how its text is read, what is allowed, and how that is put into words.
- `redis_url`: the URL of the event log's Redis: one server, a Sentinel's master, or a cluster.
- `redis_parameters`: what may stand after the "?" of a Redis URL: names, values and where each
  is taken.
- `retention`: how much of each topic the log keeps, by prefix.
- `push`: what the settings of Web Push may hold.
- `unread`: which events of a topic count as unread until a reader's cursor has passed them.
- `rules`: what holds for every topic of a log: how much of it is kept, and what counts as unread.
- `secret_file`: a setting that is kept in a file of its own.
- `server_url`: the URL of a Streamer server, as clients are given it.
- `web_names`: the names of servers and of web pages, as a ``Host`` and an ``Origin`` write
  them.
- `redacted`: what may be shown of a text that may hold a password.
"""

__all__ = [
    "ai",
    "auth",
    "push",
    "reading",
    "redacted",
    "redis_parameters",
    "redis_url",
    "retention",
    "rules",
    "secret_file",
    "server_url",
    "settings",
    "unread",
    "web_names",
]
