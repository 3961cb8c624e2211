"""The readers of a process: attached, fed and written to together.

Layout:

- `hub`: the hub, one per process: every reader, fed from one subscription to the log.
- `options`: what a deployment sets of a hub.
- `limits`: how much of everything it keeps, reads and writes at a time.
- `attach`: what a reader asks of the hub.
- `controls`: what the hub itself sends to a reader: where it begins, what it lost, and that it is
  over.
- `welcome`: what a reader is told first: encoded once for all who are told alike, but for what is
  its own.
- `quotas`: how many readers a process and each party has, and how many each may have.
- `party`: which party a connection belongs to, judged by its address.
- `feed_registry`: the feeds of a process: opened when first asked for, kept whole whatever the
  log does.
- `resting`: feeds that nobody reads: kept for who comes back soon, and no longer.
- `feed`: a feed: the tail of one set of topics, and the readers that are live on it.
- `live`: the readers that are live on a feed: each batch is handed to all of them, cohort by
  cohort.
- `batch_pass`: a pass: one batch of events on its way to the readers of a feed that are live.
- `throttled`: live readers that are written to only so often: what comes meanwhile waits, and
  is merged.
- `cohort`: a cohort: live readers that have all been written the same, and are written to as
  one.
- `own_forms`: the forms of a feed's live readers that have a state of the feed, and who waits for
  one.
- `reader`: one reader in the hub: its session, its writer, and the pump between them.
- `standing`: how the readers of a process stand: how many, in which state, and who is furthest
  behind.
- `session`: one reader's life, as a pure state machine.
- `story`: what one reader follows that has an end of its own, such as an answer.
- `seen`: what one reader has been given of each of its topics.
- `send_progress`: whether somebody takes what is sent to it.
- `tail`: the tail: the newest events of a feed, kept in the process, bounded.
- `log_reads`: what is read from the log for one reader: the state it begins with, and pages of its
  replay.
- `polls`: answers to polls: pages of events for those who hold no stream, bounded in bytes.
- `pulse`: what a hub does once a second: heartbeats, and an end for readers that take nothing.
- `heartbeat`: one wheel of heartbeats for all readers, instead of a timer each.
- `stays`: how long each reader may stay: until what it proved itself with ends, or is taken
  back.
- `second_wheel`: a wheel of seconds: who is due when, whatever their number.
- `stream_ids`: names of streams, which nobody can guess.
- `writer`: what the hub needs of a transport.
- `fan_out`: one buffer to many sockets.
- `io_uring`: asking the same of many sockets with one system call: Linux's io_uring(7), by ctypes.
- `packing`: while passes take most of the time, events of a reader may share a packet.
- `nagle`: Nagle's algorithm on many sockets: what is small waits until what went before is
  acknowledged.
- `round_trips`: which sockets have a peer that is near, and acknowledges as soon as it has read.
"""

__all__ = [
    "attach",
    "batch_pass",
    "cohort",
    "controls",
    "fan_out",
    "feed",
    "feed_registry",
    "heartbeat",
    "hub",
    "io_uring",
    "limits",
    "live",
    "log_reads",
    "nagle",
    "options",
    "own_forms",
    "packing",
    "party",
    "polls",
    "pulse",
    "quotas",
    "reader",
    "resting",
    "round_trips",
    "second_wheel",
    "seen",
    "send_progress",
    "session",
    "standing",
    "stays",
    "story",
    "stream_ids",
    "tail",
    "throttled",
    "welcome",
    "writer",
]
