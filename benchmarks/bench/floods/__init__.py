"""What floods of each kind cost a server and its other clients."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Flood:
    """One kind of flood; `kinds.py` has a function of its name.

    Attributes:
        title: for the table; ``{n}`` is what `count` says.
        count: of connections, topics or jobs.
        finish: seconds that it may go on after the window, until it is done.
        environ: settings of the server that differ.
    """

    name: str
    title: str
    count: int
    finish: float = 0.0
    environ: dict[str, str] = field(default_factory=dict)


#: To fill topics in no time, and where the number of events is the flood.
_NO_PUBLISH_RATE = {"STREAMER_PUBLISH_RATE": "0"}
_POLLS = "{n} polls of 1,000 events of 50 kB that do not read"

FLOODS = {
    flood.name: flood
    for flood in (
        Flood("pings", "{n} WebSockets that ping as fast as they can and never read", 20),
        Flood("idle", "{n} connections that send nothing", 1000),
        Flood("slow_heads", "{n} heads, a byte each half second", 300),
        Flood("slow_bodies", "{n} bodies, a byte each half second", 300),
        Flood("trailers", "{n} bodies with 20 MiB of trailers each", 5),
        Flood("polls", _POLLS, 40, environ=_NO_PUBLISH_RATE),
        # Few enough that a server may have all of their answers in memory.
        Flood("few_polls", _POLLS, 4, finish=4.0, environ=_NO_PUBLISH_RATE),
        Flood(
            "snapshots",
            "{n} streams of 16 topics with 64 tasks of 50 kB each, five at a time",
            100,
            environ=_NO_PUBLISH_RATE,
        ),
        Flood("lists", "{n} lists of such jobs, two at a time", 100, environ=_NO_PUBLISH_RATE),
        Flood(
            "topics",
            "events to {n} topics, 16 at a time",
            100_000,
            finish=10.0,
            environ=_NO_PUBLISH_RATE,
        ),
        Flood("streams", "streams of {n} topics, opened and left", 10_000, finish=6.0),
        Flood("jobs", "{n} jobs asked for as fast as possible", 1500, finish=6.0),
    )
}
