"""What an event, a topic, an id, a control event and a snapshot are; pure.

Layout:

- `cursor`: event ids: positions in the log, strictly increasing over all topics.
- `topic`: topics: the names that events are published to and read from.
- `event`: events as the log keeps them and as every reader sees them.
- `new_event`: an event on its way into the log: checked, encoded, not yet given an id.
- `job_event`: the typed events of a job, and what the server's snapshot learns from them.
- `control`: control events: what the server itself reports to a reader.
- `page`: what a replay is made of: pages of events, and gaps where events were lost.
- `reading`: how far somebody has read some topics.
- `job_states`: what the jobs of one topic are at, folded from their events.
- `topic_state`: the state of a topic, derived from its jobs by one rule.
- `snapshot`: the last known state of a topic: what a late joiner must know at a glance.
- `snapshot_size`: how much of snapshots is sent: an answer that shows them is bounded in bytes.
- `json_line`: JSON on one line, safe for every line-based wire.
"""

__all__ = [
    "control",
    "cursor",
    "event",
    "job_event",
    "job_states",
    "json_line",
    "new_event",
    "page",
    "snapshot",
    "snapshot_size",
    "topic",
    "topic_state",
]
