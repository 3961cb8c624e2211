"""What an event, a topic, an id, a control event and a snapshot are; pure.

Layout:

- `cursor`: event ids: positions in the log, strictly increasing over all topics.
- `topic`: topics: the names that events are published to and read from.
- `event`: events as the log keeps them and as every reader sees them.
- `new_event`: an event on its way into the log: checked, encoded, not yet given an id.
- `job_event`: the typed events of a job, and what the server's snapshot learns from them.
- `answer`: what the events of an answer say, in the words of whoever folds them.
- `answer_fold`: one answer, as far as the events about it say it.
- `answer_place`: how far into an answer somebody has come, and what of a whole they lack.
- `answer_walk`: the parts of an answer in bits, counted alike however they were said.
- `control`: control events: what the server itself reports to a reader.
- `merging`: a run of events in fewer: for readers that ask to be written to so many times a
  second.
- `page`: what a replay is made of: pages of events, and gaps where events were lost.
- `reading`: how far somebody has read some topics.
- `job_states`: what the jobs of one topic are at, folded from their events.
- `topic_state`: the state of a topic, derived from its jobs by one rule.
- `snapshot`: the last known state of a topic: what a late joiner must know at a glance.
- `snapshot_size`: how much of snapshots is sent: an answer that shows them is bounded in bytes.
- `json_body`: JSON that somebody sent, read as what it must be.
- `trace`: which trace an event belongs to, as W3C Trace Context writes it.
- `json_line`: JSON on one line, safe for every line-based wire.
"""

__all__ = [
    "answer",
    "answer_fold",
    "answer_place",
    "answer_walk",
    "control",
    "cursor",
    "event",
    "job_event",
    "job_states",
    "json_body",
    "json_line",
    "merging",
    "new_event",
    "page",
    "snapshot",
    "snapshot_size",
    "topic",
    "topic_state",
    "trace",
]
