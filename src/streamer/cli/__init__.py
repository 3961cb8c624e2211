"""The command ``streamer``: one file for each of its commands.

Layout:

- `amounts`: numbers, sizes and times as a person reads them: short, and in their largest unit.
- `announced`: where the server of a data directory answers, for commands without a URL.
- `backup`: ``streamer backup``: the embedded event log in one file, while it runs.
- `banner`: what ``streamer run`` says: where everything is, and how to stop it.
- `bars`: events on a terminal: a bar for each job at work, a line for everything else.
- `check`: ``streamer check``: every setting, where it is from, and what can be reached.
- `command`: a command that refuses in one sentence: without a traceback, and without a
  password.
- `delete`: ``streamer delete``: topics, with all that is kept of them.
- `directories`: the directories that a process writes to, made before anything else is started.
- `echo`: a terminal that does not show what is typed while something is drawn on it.
- `explained`: names with what they are below them, for a narrow terminal.
- `finding`: what `streamer check` found: one sentence that names it, and what to do.
- `find_server`: which server a command talks to, if nobody says.
- `inspect`: ``streamer inspect``: all that is known of one topic.
- `job_table`: jobs as a table, for a person.
- `jobs`: ``streamer jobs``: listed, cancelled, run again, from the shell.
- `jobs_way`: where a command finds jobs: at a server, or straight in the log.
- `listen`: the socket that servers accept from, bound before any of them starts.
- `log_url`: which Redis a command means: that of the events, and that of the jobs.
- `main`: the group of commands, and its help with every setting.
- `needed_certificate`: the certificate of a server that is started: it is read first, and says
  how it is reached.
- `notify`: ``streamer notify``: a notification to a user, to admins or to everybody, from the
  shell.
- `one_event`: one event on its way, from a command: over HTTP, or straight into the log.
- `openapi`: ``streamer openapi``: the schema of the HTTP API, as a file.
- `operating_way`: where a command looks after a log: through a server, or straight in the log.
- `options`: options that are settings: each is checked like its variable, and wins over it.
- `pace`: how fast a job goes, and how long it may still take.
- `plain`: text that a terminal shows and does not obey.
- `probes`: what a start would need, tried one by one.
- `process_probes`: what the server processes of a log say of themselves, for whoever runs them.
- `public_probes`: what passes through the URL by which a server is reached, and what to do about
  what does not.
- `publish`: ``streamer publish``: one event, from the shell.
- `redacted`: uRLs as they may be shown: without their password.
- `refused`: why a server refused, for whoever typed the command.
- `relay`: ``streamer relay``: what is committed in a database goes to the log.
- `reload`: ``--reload``: which Python files below the working directory have changed.
- `reloading`: ``streamer worker MODULE --reload``: a process for each version of the code.
- `restore`: ``streamer restore``: a backup made the embedded event log of a data directory.
- `retain`: ``streamer retain``: how much of topics is kept, set in the log itself.
- `revoke`: ``streamer revoke``: take tokens back, from the shell.
- `run`: ``streamer run``: the event log, a server and a worker, as one.
- `serve`: ``streamer serve``: the HTTP server, in one process or several.
- `share_bar`: a bar in a terminal for work of which a share is done; nothing elsewhere.
- `sharing`: where the processes of one run share what ``/metrics`` shows.
- `shown_jobs`: events to what a terminal shows of them: rows and lines.
- `spared`: what our dependencies import at once, and a server does not use when it begins to serve.
- `strangers`: whether a server may start as it is set: one that strangers reach must know who
  is asking.
- `tail`: ``streamer tail``: follow a topic, with bars in a terminal and JSON lines in a pipe.
- `token`: ``streamer token``: a token, for who may read and publish what.
- `top`: ``streamer top``: how all processes do, live in a terminal.
- `top_screen`: how all processes do, as a person sees it: numbers first, then who is behind.
- `topic_sheet`: all that is known of one topic, for a person.
- `topic_table`: topics as a table, for a person.
- `topics`: ``streamer topics``: the topics of a log, with what is kept of each.
- `worker`: ``streamer worker``: run jobs.
"""

from .main import main

__all__ = ["main"]
