"""Jobs: their life, their events, and the workers that run them.

Layout:

- `actors`: the Dramatiq actors of all kinds of job.
- `broker`: the Dramatiq broker of this deployment: jobs wait in the same Redis as the events.
- `broker_watch`: watches the Redis that jobs wait in, and reports once when it is lost or back.
- `client`: the Redis that jobs wait in, as Dramatiq's broker takes it.
- `described`: a job as the HTTP API describes it: the state of its topic, and what else is known
  of it.
- `dramatiq_lines`: what Dramatiq logs, in our words: one line where nothing is wrong that we do
  not say.
- `enqueues`: what a thread is enqueueing between Dramatiq's two hooks, which it may call twice.
- `interruptions`: a stopping worker interrupts its jobs, also one that is about to begin.
- `kept`: what jobs were asked with, so that one that failed can be run again.
- `keys`: the idempotency keys that the log is asked about, and that others must not follow.
- `kinds`: the kinds of job that may be asked for over HTTP.
- `known_kinds`: the kinds of job of this installation: ours, and those of packages beside it.
- `lifecycle`: every transition of a job: the type, fields, idempotency key and fence of its
  event.
- `listing`: lists of jobs: those of a project, in some states, with some words, after a place.
- `middleware`: the Dramatiq middleware that reports what happens to every job.
- `parents`: which job a message is a part of: what runs while it is enqueued, or a group or
  pipeline.
- `progress`: the progress of the job that is running here: ``streamer.progress()``.
- `publishable`: what of a job's update can be published: what cannot is named, and the rest is
  kept.
- `reports`: what is published of a job, and what the log is asked about it.
- `running`: the jobs that this process is running: their signs of life, and how they stand
  in the log.
- `runs`: which run of its job a message is: a job is run again when its message is enqueued
  again.
- `stalls`: finds jobs whose worker shows no sign of life, and reports each once.
- `submit`: jobs as a server sees them: asked for, looked at, cancelled, run again.
- `topics`: where the events of a message's job go.
- `waiting`: finds jobs that wait though no worker takes them, and reports that on their streams.
- `worker`: the worker process: runs jobs until it is asked to stop.
- `transcode/`: one kind of job: a video, transcoded by ffmpeg.
- `trim/`: one kind of job: a part of a video, cut out without encoding it again.
"""

__all__ = [
    "actors",
    "broker",
    "broker_watch",
    "client",
    "described",
    "dramatiq_lines",
    "enqueues",
    "interruptions",
    "kept",
    "keys",
    "kinds",
    "known_kinds",
    "lifecycle",
    "listing",
    "middleware",
    "parents",
    "progress",
    "publishable",
    "reports",
    "running",
    "runs",
    "stalls",
    "submit",
    "topics",
    "transcode",
    "trim",
    "waiting",
    "worker",
]
