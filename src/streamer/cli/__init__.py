"""The command ``streamer``: one file for each of its commands.

Layout:

- `announced`: where the server of a data directory answers, for commands without a URL.
- `banner`: what ``streamer run`` says: where everything is, and how to stop it.
- `bars`: events on a terminal: a bar for each job at work, a line for everything else.
- `check`: ``streamer check``: every setting, where it is from, and what can be reached.
- `command`: a command that refuses in one sentence: without a traceback, and without a
  password.
- `directories`: the directories that a process writes to, made before anything else is started.
- `echo`: a terminal that does not show what is typed while something is drawn on it.
- `find_server`: which server a command talks to, if nobody says.
- `listen`: the socket that servers accept from, bound before any of them starts.
- `log_url`: which Redis a command means: that of the events, and that of the jobs.
- `main`: the group of commands, and its help with every setting.
- `openapi`: ``streamer openapi``: the schema of the HTTP API, as a file.
- `options`: options that are settings: each is checked like its variable, and wins over it.
- `pace`: how fast a job goes, and how long it may still take.
- `plain`: text that a terminal shows and does not obey.
- `probes`: what a start would need, tried one by one.
- `publish`: ``streamer publish``: one event, from the shell.
- `redacted`: uRLs as they may be shown: without their password.
- `revoke`: ``streamer revoke``: take tokens back, from the shell.
- `run`: ``streamer run``: the event log, a server and a worker, as one.
- `serve`: ``streamer serve``: the HTTP server, in one process or several.
- `shown_jobs`: events to what a terminal shows of them: rows and lines.
- `strangers`: whether a server may start as it is set: one that strangers reach must know who
  is asking.
- `tail`: ``streamer tail``: follow a topic, with bars in a terminal and JSON lines in a pipe.
- `token`: ``streamer token``: a token, for who may read and publish what.
- `worker`: ``streamer worker``: run jobs.
"""

from .main import main

__all__ = ["main"]
