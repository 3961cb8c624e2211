"""What a URL, a header and a body mean.

Layout:

- `asker`: who asks: the one door that every request passes, and every WebSocket once it is
  accepted.
- `connections`: how many readers there are, over all processes.
- `documentation`: what OpenAPI says of every URL: its problems, and parameters that are read by
  hand.
- `door`: the app's door, as its settings or its program say how it is known who asks.
- `event_schemas`: what OpenAPI says of every body that a stream can carry.
- `farewells`: how a WebSocket that gets no stream learns so, and is closed without a hurry.
- `guard`: what stands before every handler: the checks of host and origin, and what needs no
  handler.
- `health`: whether the process is up, and whether it should be sent readers.
- `hosts`: under which names this server may be asked.
- `jobs`: the HTTP face of jobs.
- `may`: may they? What every address, transport and command asks before it reads or writes.
- `methods`: which methods an address answers to, and ``HEAD`` wherever ``GET`` is one of them.
- `notifications`: the notifications of whoever asks, kept beyond their connections.
- `origins`: which web pages may change something here, open a WebSocket, or read an answer.
- `page_headers`: what an answer says to a browser of what it may do there: its policies.
- `pages`: what a browser loads: the page at ``/``, its modules, and the files that jobs made.
- `poll`: polling: pages of events, and snapshots, for clients that cannot hold a stream.
- `poll_answer`: the answer to a poll: waited for, and handed over as fast as the client takes
  it.
- `problems`: errors over HTTP: ``application/problem+json`` (RFC 9457).
- `projects`: which projects there are, for a page that watches all of them.
- `proofs`: what OpenAPI says of where a token is.
- `publish`: publishing over HTTP.
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
- `revocations`: taking tokens back over HTTP, which admins may do.
- `stream_request`: what a client may ask of a stream, read from its URL and headers.
- `tokens`: a short-lived token of some topics for one's own, for a URL: EventSource sets no
  header.
- `too_often`: how often an address or a subject may do something, as it is asked for over HTTP.
- `uploads`: uploads over HTTP, by the tus protocol 1.0.
- `tus`: its header fields, read and written.
- `long_body`: a body that may take longer than others.
- `streams/`: streams over HTTP: server-sent events and WebSocket, on our server and on any.
"""

__all__ = [
    "asker",
    "connections",
    "documentation",
    "door",
    "event_schemas",
    "farewells",
    "guard",
    "health",
    "hosts",
    "jobs",
    "long_body",
    "may",
    "methods",
    "notifications",
    "origins",
    "page_headers",
    "pages",
    "poll",
    "poll_answer",
    "problems",
    "projects",
    "proofs",
    "publish",
    "query",
    "quota_fields",
    "rate",
    "reader_cursors",
    "reader_documentation",
    "reference",
    "refusals",
    "renewals",
    "revocations",
    "stream_request",
    "streams",
    "tokens",
    "too_often",
    "tus",
    "uploads",
]
