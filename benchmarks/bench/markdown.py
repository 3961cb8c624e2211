"""`RESULTS.md`, rendered from the results."""

from __future__ import annotations

from .figures import bound, per_cpu, reached, shown, word
from .outcome import medians
from .results import Measured, Results
from .scenarios import Scenario
from .servers import SERVERS

_METHOD = """\
## How it was measured

- `make bench` does all of it; `benchmarks/run.py --scenario NAME` does one scenario anew, `--quick`
  is a short look that writes nothing. On a machine with other work: `nice -n -15 make bench`.
- **Who runs where.** {layout}. Nothing else is pinned; the runner sleeps while a run is on.
- **In turn.** Every run starts every server afresh, with a fresh Redis where it uses one (no
  persistence), warms it up, measures one window, and stops it; then the next server; then the
  next run. A ratio is taken within one run, and the median of the ratios is what counts, so that
  what disturbs the machine for a while disturbs both sides.
- **One publish at a time** is a closed loop, the same for all: one keep-alive HTTP connection
  that POSTs the next event when the last one was answered. A hundred publishers are a hundred
  such connections. Bodies are padded, by a trial, so that every server delivers 250 bytes: the
  SSE event with its `id:`, or the WebSocket frame with its head.
- **Deliveries** are events that readers got within the window. What arrives after it is waited
  for, so that nothing lost or doubled goes unnoticed: every event carries its publisher's sequence
  number and every reader checks every one.
- **Latency** is from before the POST to after the `recv()` of one reader in twenty, by one clock.
  *Paced* means 100,000 deliveries a second for all alike, instead of as many as each can.
- **Inboxes**: each reader has a token, and reads `users/{{id}}` and `system` at `/api/v1/ws`.
  *Alone* is an event of a project with one reader, before the others came; *to one* is one more
  inbox, with all of them there, of a type that counts as unread. A hundred more are admins. To
  everybody is to all 10,000, of which each has topics of its own. CPU is the server's, for each
  notification.
- **Compressed**: bodies are a job's progress, whose numbers differ. Every reader decodes all that
  it receives, with zlib or libzstd as a client would, and looks at every event in it. Those that
  are not timed keep what they receive in the window, and decode it behind it, for to decode costs
  more than to send. A reader that asked for a coding, or over WebSocket for permessage-deflate,
  and is answered in another is a failure. Bytes on the wire are what a reader receives for an
  event, with the chunks of HTTP/1.1 or the heads of frames. Three readers in a hundred leave and
  come anew in each window; five begin the first one behind, and read slowly: neither their bytes
  nor their latency count, but their events do. Servers that add nothing to an event are published
  what Streamer adds (id, topic, time), so that theirs are as large. nginx in front and Streamer
  behind it share the server's core, and count as one; it compresses at level 4, the least at which
  it sends as few bytes as Streamer (at 1 and 3 it sends 5 % more), and so does the compressor per
  reader in Python. That one over WebSocket is uvicorn's, with a window of 4 KiB. Paced, those who
  cannot keep the pace do what they can.
- **Server CPU** is user and system time of the server's processes, without Redis. *Deliveries per
  server CPU second* suffers least from whatever else the machine does.
- **Nagle's algorithm is off for all, but for Streamer's own use of it.** Every server here switches
  it off. Streamer switches it on while a feed's passes take most of the time, for readers that are
  near (docs/PERFORMANCE.md). nginx switches it off once a connection is kept alive; so readers of
  Nchan ask for a small file before they ask for the stream, as a browser's connection often has.
  On a connection's very first request nginx leaves it on: then whatever is published before the
  reader has acknowledged the last event waits for that and goes out as one segment. With readers
  that acknowledge at once, as browsers near the server do, this makes no difference (measured: 0.9
  to 1.2 times the same). Here nineteen readers in twenty acknowledge late, so it spares most of the
  work that is to be compared, at the price of a latency that only those nineteen see. So the row
  *Nagle on* is the one to compare Streamer with.
- **Settings** are the defaults, except that Streamer's limits for one client are off, since all of
  the load comes from one address, and that nobody writes an access log.
- **Memory** is PSS of the server's processes, with the readers less without, after a warm-up.
- **Readers that do not read** have an 8 KiB receive buffer and segments of 1,460 bytes, as over
  Ethernet; loopback's own buffers would swallow megabytes for each.
- **Two workers on two cores** leave none for the load generator and Redis, which then compete with
  the second worker. So what is compared is capacity: deliveries per server CPU second, times the
  number of processes.

### The load generator is not the bottleneck

It is one thread of C (`benchmarks/load/`). Its timed readers are read as soon as they are ready;
the other nineteen in twenty are in no epoll set and are read fifty times a second, several events
with one call. So it does less for an event than any server can, and a server does not pay for
waking up its readers, which on another machine it would not either. The column *load CPU* shows
what it used of its core in each window. The bare loop of `send()`, which does nothing but what
every server must, is measured by the same generator: {headroom}

### Machine

{machine}
"""


def render(results: Results) -> str:
    """The whole file."""
    parts = ["# Fan-out, measured\n", _summary(results)]
    parts += [_scenario(scenario, measured) for scenario, measured in results.known()]
    parts.append(
        _METHOD.format(
            layout=results.layout,
            headroom=_headroom(results),
            machine="\n".join(f"- {name}: {value}" for name, value in results.machine.items()),
        )
    )
    return "\n".join(parts)


def _summary(results: Results) -> str:
    lines = [
        "What must be reached, as ratios within one run, and the medians that were. *Per CPU s* is",
        "the same ratio of deliveries per server CPU second. Made by `make bench`; the figures",
        "behind it follow, and how they were taken.\n",
        "| scenario | must reach | reached | per CPU s | |",
        "|---|---|--:|--:|---|",
    ]
    for scenario, measured in results.known():
        name = scenario.title
        for _, verdict in measured.verdicts(scenario):
            said = "**not met**" if verdict.met is False else word(verdict)
            cells = (name, bound(verdict), reached(verdict), per_cpu(verdict), said)
            lines.append(f"| {' | '.join(cells)} |")
            name = ""
    return "\n".join([*lines, ""])


def _scenario(scenario: Scenario, measured: Measured) -> str:
    columns = scenario.columns
    lines = [
        f"## {scenario.title}\n",
        "| server | " + " | ".join(columns.values()) + " |",
        "|---|" + "--:|" * len(columns),
    ]
    found = medians(measured.runs)
    for server in scenario.servers:
        if server not in found:
            continue
        title = SERVERS[server].title
        values = [shown(name, found[server].get(name)) for name in columns]
        name = f"**{title}**" if server == "streamer" else title
        lines.append(f"| {name} | " + " | ".join(values) + " |")
    lines.append("")
    lines += [
        f"Not measured: {SERVERS[server].title} ({reason}).\n"
        for server, reason in measured.skipped.items()
    ]
    lines.append(
        f"Medians of {len(measured.runs)} runs of {measured.seconds:g} s; {measured.when}, "
        f"{measured.version}.\n"
    )
    return "\n".join(lines)


def _headroom(results: Results) -> str:
    said = []
    for scenario, measured in results.known():
        bare = medians(measured.runs).get("bare")
        if bare and "load_cpu" in bare:
            said.append(
                f"{scenario.title}: {shown('per_second', bare['per_second'])} deliveries/s with "
                f"{shown('load_cpu', bare['load_cpu'])} of the generator's core"
            )
    return ("; ".join(said) or "not measured yet") + "."
