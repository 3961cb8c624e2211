"""Every metric: its name, its kind, its unit, its labels, and what it says."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

#: Upper bounds of durations: seconds, from what a fan-out takes to what nobody waits for.
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

#: What a label says whose value is none of those that are known: labels are bounded.
OTHER: Final = "other"


class Family(NamedTuple):
    """One metric, as OpenMetrics calls it: without ``_total``, ``_bucket``, ``_sum``, ``_count``.

    Attributes:
        name: with its unit, if it has one.
        kind: what it is.
        help: one sentence.
        labels: the names of its labels.
        over: how those of several processes of a host are one; counts are always summed.
        of_log: whether it is of the whole log, and the same whichever server is asked.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    over: Literal["sum", "max", "min"] = "sum"
    of_log: bool = False

    @property
    def sample(self) -> str:
        """What one asks Prometheus for; of a histogram, what its samples begin with."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


# Who reads.

CONNECTIONS: Final = Family(
    "streamer_connections", "gauge", "Readers that are connected, by transport.", ("transport",)
)
OPENED: Final = Family(
    "streamer_connections_opened", "counter", "Readers that were taken.", ("transport",)
)
READERS: Final = Family(
    "streamer_readers",
    "gauge",
    "Streams by state: live; lagging, whose network takes no more for now; replaying.",
    ("state",),
)
READERS_LIMIT: Final = Family(
    "streamer_readers_limit", "gauge", "Readers that there is room for; 0 is no limit."
)
LAG: Final = Family(
    "streamer_reader_lag_seconds",
    "gauge",
    "How far the lagging reader that is furthest behind is behind the newest event of its topics.",
    over="max",
)
DROPPED: Final = Family(
    "streamer_connections_dropped",
    "counter",
    "Connections that the server ended though nobody had asked it to.",
    ("reason",),
)
REFUSED: Final = Family(
    "streamer_refusals",
    "counter",
    "Requests and commands that were answered with an error, by its code.",
    ("code",),
)

# What they are given.

PUBLISHED: Final = Family(
    "streamer_events_published", "counter", "Events that the log has taken from this server."
)
FAILED: Final = Family(
    "streamer_events_failed", "counter", "Events that the log has not taken, as far as is known."
)
DELIVERED: Final = Family(
    "streamer_events_delivered", "counter", "Events that were handed to live readers, each to each."
)
REPLAYED: Final = Family(
    "streamer_events_replayed",
    "counter",
    "Events that were handed to readers that were not live: replays, and polls.",
)
GAPS: Final = Family(
    "streamer_gaps", "counter", "Reports of a gap: of events that were gone before they were read."
)
PUBLISH: Final = Family(
    "streamer_publish_duration_seconds",
    "histogram",
    "From publishing an event until the log had it; events of one append count as its slowest.",
)
APPEND: Final = Family(
    "streamer_append_duration_seconds",
    "histogram",
    "How long an append took, of one event or many.",
)
DELIVERY: Final = Family(
    "streamer_delivery_delay_seconds",
    "histogram",
    "From the log's taking an event until it was written to a live reader that asked for no rate.",
)

# The log.

LOG_UP: Final = Family(
    "streamer_log_up", "gauge", "Whether every server process hears the log: 1, or 0.", over="min"
)
INTERRUPTIONS: Final = Family(
    "streamer_log_interruptions", "counter", "Times that a server process stopped hearing the log."
)

# The jobs.

JOBS: Final = Family(
    "streamer_jobs",
    "gauge",
    "Jobs of the log by kind and state, of the thousand with the newest events.",
    ("kind", "state"),
    over="max",
    of_log=True,
)
QUEUE_JOBS: Final = Family(
    "streamer_queue_jobs",
    "gauge",
    "Jobs that wait in a queue for a worker; not those that wait for another try.",
    ("queue",),
    over="max",
    of_log=True,
)
QUEUE_AGE: Final = Family(
    "streamer_queue_age_seconds",
    "gauge",
    "How long the first in line of a queue has been waiting.",
    ("queue",),
    over="max",
    of_log=True,
)
QUEUE_WORKERS: Final = Family(
    "streamer_queue_workers",
    "gauge",
    "Workers that take jobs from a queue.",
    ("queue",),
    over="max",
    of_log=True,
)
WORKERS: Final = Family(
    "streamer_workers",
    "gauge",
    "Workers that have announced themselves in the last ten seconds.",
    over="max",
    of_log=True,
)

# The processes.

BUILD: Final = Family(
    "streamer_build_info", "gauge", "1, of each version that runs.", ("version",), over="max"
)
PROCESSES: Final = Family("streamer_processes", "gauge", "Processes that count.", ("role",))
ENDED: Final = Family(
    "streamer_processes_ended", "counter", "Processes that ended, or were killed, while others ran."
)
DRAINING: Final = Family(
    "streamer_processes_draining", "gauge", "Server processes that send their readers elsewhere."
)
LOOP_LAG: Final = Family(
    "streamer_loop_lag_seconds",
    "histogram",
    "How late the event loop of a server process was, looked at four times a second.",
)
CPU: Final = Family("streamer_cpu_seconds", "counter", "Processor time, of user and system.")
MEMORY: Final = Family("streamer_resident_memory_bytes", "gauge", "Memory that is resident.")
DESCRIPTORS: Final = Family("streamer_open_descriptors", "gauge", "Descriptors that are open.")
DESCRIPTORS_USED: Final = Family(
    "streamer_descriptors_used_ratio",
    "gauge",
    "Descriptors that are open, of those that may be; of the process that has most.",
    over="max",
)
DISK_LOW: Final = Family(
    "streamer_disk_low",
    "gauge",
    "Whether a server has less room on its disk than is kept free (1, or 0): it takes no job then.",
    over="max",
)

#: All of them, in the order of the page.
FAMILIES: Final = (
    *(CONNECTIONS, OPENED, READERS, READERS_LIMIT, LAG, DROPPED, REFUSED),
    *(PUBLISHED, FAILED, DELIVERED, REPLAYED, GAPS, PUBLISH, APPEND, DELIVERY),
    *(LOG_UP, INTERRUPTIONS),
    *(JOBS, QUEUE_JOBS, QUEUE_AGE, QUEUE_WORKERS, WORKERS),
    *(BUILD, PROCESSES, ENDED, DRAINING, LOOP_LAG),
    *(CPU, MEMORY, DESCRIPTORS, DESCRIPTORS_USED, DISK_LOW),
)
BY_NAME: Final = {family.name: family for family in FAMILIES}
