"""Jobs: their life, their events, and the workers that run them.

Layout:

- `actors`: the Dramatiq actors of all kinds of job.
- `answer`: an answer of the job that is running here, or of anybody: ``streamer.answer()``.
- `askable`: the kinds of job that a server may be asked for: those installed, and those offered.
- `attempts`: attempts of jobs: begun, looked after and ended alike, whatever queue delivers them.
- `backlog`: what waits in the queues of Dramatiq: how many jobs, and since when.
- `broker`: the Dramatiq broker of this deployment: jobs wait in the same Redis as the events.
- `broker_watch`: watches the Redis that jobs wait in, and reports once when it is lost or back.
- `client`: the Redis that jobs wait in, as Dramatiq's broker takes it.
- `conversation`: what was said in a conversation, for whoever answers in it:
  ``streamer.conversation()``.
- `current`: what the job that is running here tells, in whatever process:
  ``streamer.progress()``.
- `described`: a job as the HTTP API describes it: the state of its topic, and what else is known
  of it.
- `desk`: where a worker of a user's own actors offers them, and takes what servers were asked for.
- `disk_watch`: results are removed in their time, and the disk's free space is watched.
- `message_trace`: the trace that a Dramatiq message hands to the worker that runs it.
- `dramatiq_lines`: what Dramatiq logs, in our words: one line where nothing is wrong that we do
  not say.
- `enqueues`: what a thread is enqueueing between Dramatiq's two hooks, which it may call twice.
- `handed_back`: a job that is interrupted because its worker stops is tried once more.
- `estimate`: how fast something grows, as an exponential average; pure, no clock.
- `helpers`: other processes that help with a job, as the job's own process hears them.
- `install`: one line for each queue: ``streamer.install(broker)``.
- `interruptions`: a stopping worker interrupts its jobs, also one that is about to begin.
- `job`: a job without a queue: ``with streamer.job("encode", project="p1") as job:``.
- `job_kind`: ``@streamer.job_kind``: marks an actor that clients may start over HTTP.
- `kept`: what jobs were asked with, so that one that failed can be run again.
- `keys`: the idempotency keys that the log is asked about, and that others must not follow.
- `kinds`: the kinds of job that may be asked for over HTTP.
- `known_kinds`: the kinds of job of this installation: ours, and those of packages beside it.
- `lifecycle`: every transition of a job: the type, fields, idempotency key and fence of its
  event.
- `link`: the way from a process that helps with a job to the job's own.
- `listing`: lists of jobs: those of a project, in some states, with some words, after a place.
- `log_handler`: a handler of `logging`: what a job logs is told, as lines of the job's log.
- `middleware`: the Dramatiq middleware that reports what happens to every job.
- `offers`: the kinds of job that workers of a user's own actors offer, for every server.
- `outlasting`: Dramatiq's broker over Redis, of which an outage of Redis loses no message.
- `own_modules`: a user's own modules of actors: ``myapp.tasks[:broker]``.
- `owed_answer`: the answer that a job is asked for: whoever waits for it hears its end, also if
  it says none.
- `parameters`: what an actor may be asked with: a JSON Schema, from its annotations.
- `parents`: which job a message is a part of: what runs while it is enqueued, or a group or
  pipeline.
- `place`: which job's progress is current in this thread or coroutine, and which task of it.
- `progress`: what one attempt of one job tells.
- `publishable`: what of a job's update can be published: what cannot is named, and the rest is
  kept.
- `reports`: what is published of a job, and what the log is asked about it.
- `running`: the jobs that this process is running: their signs of life, and how they stand in the
  log.
- `runs`: which run of its job a message is: a job is run again when its message is enqueued
  again.
- `schema_types`: the types that such a schema describes: the other way round.
- `share`: how tasks within one another add up; pure.
- `shared`: what this process reports its jobs by: one publisher for each log, whoever asks.
- `silent`: what is told outside of a job: nothing.
- `stalls`: finds jobs whose worker shows no sign of life, and reports each once.
- `state`: how far one job is, and what it says of itself: what its updates are made of.
- `stdout`: what a job prints, line by line, while everybody else's stdout stays as it is.
- `stops`: what is raised in a job that is to stop, in the words of its queue.
- `submit`: jobs as a server sees them: asked for, looked at, cancelled, run again.
- `task`: tasks of a job: what they count, and how they add up to how far the job is.
- `telling_event`: what a job tells while it runs, beside its progress; what OpenAPI says of it.
- `telling`: when what a job tells is sent: nine times a second at most, the newest of each kind.
- `told`: what a job can tell while it runs; also from one process to another.
- `topics`: where the events of a Dramatiq message's job go.
- `topics_of_job`: where the events of a job go, whoever queues it.
- `tqdm_bars`: bars of tqdm as tasks of the job that runs them: ``streamer.patch_tqdm()``.
- `waiting`: finds jobs that wait though no worker takes them, and reports that on their streams.
- `worker`: the worker process: runs jobs until it is asked to stop.
- `wrapped`: a function that tells of a job wherever it runs.
- `chat_answer/`: one kind of job: the answer to a message of a conversation.
- `recording/`: another: what an AI server streams, recorded.
- `transcode/`: another: a video, transcoded by ffmpeg.
- `trim/`: another: a part of a video, cut out without encoding it again.
"""

__all__ = [
    "actors",
    "answer",
    "askable",
    "attempts",
    "backlog",
    "broker",
    "broker_watch",
    "chat_answer",
    "client",
    "conversation",
    "current",
    "described",
    "desk",
    "dramatiq_lines",
    "enqueues",
    "estimate",
    "handed_back",
    "helpers",
    "install",
    "interruptions",
    "job",
    "job_kind",
    "kept",
    "keys",
    "kinds",
    "known_kinds",
    "lifecycle",
    "link",
    "listing",
    "log_handler",
    "message_trace",
    "middleware",
    "offers",
    "outlasting",
    "owed_answer",
    "own_modules",
    "parameters",
    "parents",
    "place",
    "progress",
    "publishable",
    "recording",
    "reports",
    "running",
    "runs",
    "schema_types",
    "share",
    "shared",
    "silent",
    "stalls",
    "state",
    "stdout",
    "stops",
    "submit",
    "task",
    "telling",
    "telling_event",
    "told",
    "topics",
    "topics_of_job",
    "tqdm_bars",
    "transcode",
    "trim",
    "waiting",
    "worker",
    "wrapped",
]
