"""What a URL, a header and a body mean.

Layout:

- `admin_documentation`: what OpenAPI says of the addresses of admins.
- `admin_report`: how all processes do, for admins.
- `admin_topics`: topics as admins see them: listed, inspected, deleted, and how much is kept.
- `answer_fields`: the fields that every answer has beside its own: what browsers need to hear.
- `answers`: answers of a conversation over HTTP: whoever may speak there may stop one.
- `asker`: who asks: the one door that every request passes, and every WebSocket once it is
  accepted.
- `asyncapi`: the streams of the HTTP API as AsyncAPI 3.
- `chat_documentation`: what OpenAPI says of the URLs about conversations.
- `chats`: conversations over HTTP: messages, reactions, and what was said before.
- `batch_body`: a body of several events, one in each line (NDJSON).
- `codings`: which content coding a stream has: what its client takes, and what may be compressed
  at all.
- `connections`: how many readers there are, over all processes.
- `control_schemas`: what OpenAPI says of the control events.
- `documentation`: what OpenAPI says of every URL: its problems, and parameters that are read by
  hand.
- `door`: the app's door, as its settings or its program say how it is known who asks.
- `event_body`: what a body says is to be published, and whether whoever asks may.
- `event_schemas`: what OpenAPI says of every body that a stream can carry; all schemas of events
  come from here.
- `farewells`: how a WebSocket that gets no stream learns so, and is closed without a hurry.
- `front`: plain handlers, answered before the framework: by its own routes, without the rest of
  it.
- `guard`: what stands before every handler: the checks of host and origin, and what needs no
  handler.
- `metrics`: the numbers of this host, for Prometheus.
- `health`: whether the process is up, and whether it should be sent readers.
- `hosts`: under which names this server may be asked.
- `job_schemas`: what OpenAPI says of the jobs that may be asked for: a body for each kind.
- `jobs`: the HTTP face of jobs.
- `kept_scope`: what is kept of a WebSocket's handshake while its stream lives.
- `may`: may they? What every address, transport and command asks before it reads or writes.
- `methods`: which methods an address answers to, and ``HEAD`` wherever ``GET`` is one of them.
- `notifications`: the notifications of whoever asks, kept beyond their connections.
- `origins`: which web pages may change something here, open a WebSocket, or read an answer.
- `page_headers`: what an answer says to a browser of what it may do there: its policies.
- `pages`: what a browser loads: the page at ``/``, its modules, and the files that jobs made.
- `poll`: polling: pages of events, and snapshots, for clients that cannot hold a stream.
- `poll_answer`: the answer to a poll: waited for, and handed over as fast as the client takes
  it.
- `process_report`: what this process says of itself, for whoever looks at all of them.
- `problems`: errors over HTTP: ``application/problem+json`` (RFC 9457).
- `projects`: which projects there are, for a page that watches all of them.
- `promptly`: requests that are as most are, without a task: what is anything else is left to the
  app.
- `prompt_publishes`: publishes without a task: one event, which waits for the log and for nothing
  else.
- `proofs`: what OpenAPI says of where a token is.
- `publish`: publishing over HTTP.
- `push`: subscribing a browser to the notifications of whoever asks (Web Push).
- `push_documentation`: what OpenAPI says of the URLs about push subscriptions.
- `query`: which query parameters an address takes: any other is refused by name, never ignored.
- `quota_fields`: the header fields that report a quota: ``RateLimit-Policy`` and ``RateLimit``.
- `rate`: how often somebody may do something, as a pure rule.
- `refusals`: who is refused is counted; that, and how the access of a stream went on, is
  logged.
- `reader_documentation`: what OpenAPI says of the URLs about how far somebody has read.
- `reader_cursors`: how far whoever asks has read a topic, and who else has read how far.
- `reference`: the reference of the HTTP API as one page: no script, and nothing of another
  server.
- `renewals`: a stream that is open goes on with a new token, in whichever process it is.
- `request_ids`: the id of each request: the one it came with, or one that is made; the answer has
  it, too.
- `revocations`: taking tokens back over HTTP, which admins may do.
- `routes`: routers whose handlers are read once for a process, however many apps have them.
- `schema_documents`: the schemas for programs: of the HTTP API, of its streams, and of events.
- `schema_parts`: the pieces that schemas of bodies are made of.
- `speaker`: as whom somebody speaks in a conversation, which is never somebody else.
- `state_schemas`: what OpenAPI says of state: the snapshot of a topic, and the jobs in it.
- `stream_request`: what a client may ask of a stream, read from its URL and headers.
- `tokens`: a short-lived token of some topics for one's own, for a URL: EventSource sets no
  header.
- `too_often`: how often an address or a subject may do something, as it is asked for.
- `uploads`: uploads over HTTP, by the tus protocol 1.0.
- `tus`: its header fields, read and written.
- `long_body`: a body that may take longer than others.
- `whole_body`: a body that is read as a whole, and mostly comes so.
- `written`: documents that take long to write, and that anybody may ask for: written once, in a
  thread.
- `streams/`: streams over HTTP: server-sent events and WebSocket, on our server and on any.
"""

__all__ = [
    "admin_documentation",
    "admin_report",
    "admin_topics",
    "answer_fields",
    "answers",
    "asker",
    "asyncapi",
    "batch_body",
    "chat_documentation",
    "chats",
    "codings",
    "connections",
    "control_schemas",
    "documentation",
    "door",
    "event_body",
    "event_schemas",
    "farewells",
    "front",
    "guard",
    "health",
    "hosts",
    "job_schemas",
    "jobs",
    "kept_scope",
    "long_body",
    "may",
    "methods",
    "metrics",
    "notifications",
    "origins",
    "page_headers",
    "pages",
    "poll",
    "poll_answer",
    "problems",
    "process_report",
    "projects",
    "prompt_publishes",
    "promptly",
    "proofs",
    "publish",
    "push",
    "push_documentation",
    "query",
    "quota_fields",
    "rate",
    "reader_cursors",
    "reader_documentation",
    "reference",
    "refusals",
    "renewals",
    "request_ids",
    "revocations",
    "routes",
    "schema_documents",
    "schema_parts",
    "speaker",
    "state_schemas",
    "stream_request",
    "streams",
    "tokens",
    "too_often",
    "tus",
    "uploads",
    "whole_body",
    "written",
]
