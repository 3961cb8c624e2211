"""A worker that publishes to many topics through `SyncPublisher`, paced or not."""

from __future__ import annotations

import argparse
import json
import time

from streamer.eventlog.redis.log import RedisEventLog
from streamer.publishing.sync_publisher import SyncPublisher

#: Seconds; a shorter sleep takes longer than it says.
_SHORTEST_SLEEP = 0.001


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--redis", required=True)
    parser.add_argument("--topics", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--per-second", type=float, default=0.0)
    parser.add_argument("--first", type=int, default=1, help="sequence of each topic's first event")
    parser.add_argument("--pad", type=int, default=0)
    given = parser.parse_args()

    topics = [f"projects/bench{n}" for n in range(given.topics)]
    pad = "x" * given.pad
    # It waits for room for as long as that takes: no event may be dropped here.
    with SyncPublisher(lambda: RedisEventLog(given.redis), block_seconds=60) as publisher:
        start = time.monotonic()
        cpu = time.process_time()
        rounds = 0  # each an event to every topic
        while time.monotonic() - start < given.seconds:
            for number, topic in enumerate(topics):
                if given.per_second:
                    # Event by event: a rate is not a burst for each round.
                    due = (rounds * given.topics + number) / given.per_second
                    ahead = start + due - time.monotonic()
                    if ahead > _SHORTEST_SLEEP:
                        time.sleep(ahead)
                mark = f"0:{given.first + rounds}:{time.monotonic_ns()}"
                publisher.publish(topic, "tick", {"mark": mark, "pad": pad})
            rounds += 1
        flushed = publisher.flush(30)
        seconds = time.monotonic() - start
        cpu = time.process_time() - cpu
        dropped = publisher.dropped
    print(
        json.dumps(
            {
                "published": rounds * len(topics),
                "seconds": seconds,
                "cpu_seconds": cpu,
                "flushed": flushed,
                "dropped": dropped,
            }
        )
    )


main()
