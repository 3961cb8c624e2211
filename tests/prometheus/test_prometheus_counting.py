"""What happens in a process is counted under names that Prometheus reads."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from streamer.metrics import Metrics
from streamer.prometheus.counting import Counting
from streamer.prometheus.families import FAMILIES
from streamer.prometheus.numbers import Numbers
from streamer.prometheus.page import page

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def shown(counting: Counting) -> dict[str, float]:
    """Each sample of a page, as it stands there."""
    body, _ = page(counting.numbers(), OPEN_METRICS)
    return samples(body)


def samples(body: bytes) -> dict[str, float]:
    return {
        sample.name
        + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_readers_are_counted_while_they_are_there_and_since_the_beginning() -> None:
    counting = Counting()
    counting.attached("sse")
    counting.attached("sse")
    counting.left("sse")
    found = shown(counting)
    assert found["streamer_connections transport=sse"] == 1
    assert found["streamer_connections transport=websocket"] == 0
    assert found["streamer_connections_opened_total transport=sse"] == 2


def test_a_transport_and_a_code_that_nobody_knows_are_other() -> None:
    counting: Metrics = Counting()
    for number in range(100):
        counting.attached(f"t{number}")
        counting.refused(f"c{number}")
    counting.refused("too_many_topics")
    counting.refused("not_found")
    assert isinstance(counting, Counting)
    found = shown(counting)
    assert found["streamer_connections transport=other"] == 100
    assert found["streamer_refusals_total code=other"] == 100
    assert found["streamer_refusals_total code=too_many_topics"] == 1
    assert found["streamer_refusals_total code=not_found"] == 1
    assert not any("t0" in name or "c0" in name for name in found)


def test_an_event_is_as_late_as_the_log_s_clock_says_and_counts_for_each_reader() -> None:
    counting = Counting(clock=lambda: 100.25)
    counting.delivered(readers=500, events=2, oldest=100_000)
    counting.delivered(readers=1, events=1, oldest=100_300)  # by a clock that is ahead
    counting.delivered(readers=7, events=1, oldest=0)  # kept nowhere
    found = shown(counting)
    assert found["streamer_events_delivered_total"] == 1008
    assert found["streamer_delivery_delay_seconds_bucket le=0.001"] == 1
    assert found["streamer_delivery_delay_seconds_bucket le=0.1"] == 1
    assert found["streamer_delivery_delay_seconds_bucket le=0.25"] == 1001
    assert found["streamer_delivery_delay_seconds_bucket le=+Inf"] == 1001
    assert found["streamer_delivery_delay_seconds_count"] == 1001
    assert found["streamer_delivery_delay_seconds_sum"] == pytest.approx(250)


def test_events_of_one_append_are_as_slow_as_its_slowest() -> None:
    counting = Counting()
    counting.published(events=3, waited=0.2, took=0.04)
    counting.append_failed(events=5)
    found = shown(counting)
    assert found["streamer_events_published_total"] == 3
    assert found["streamer_events_failed_total"] == 5
    assert found["streamer_publish_duration_seconds_bucket le=0.1"] == 0
    assert found["streamer_publish_duration_seconds_bucket le=0.25"] == 3
    assert found["streamer_append_duration_seconds_bucket le=0.05"] == 1
    assert found["streamer_append_duration_seconds_count"] == 1


def test_the_rest_is_counted_as_it_is_reported() -> None:
    counting = Counting()
    counting.replayed(9)
    counting.reported_gaps(readers=4, gaps=2)
    counting.interrupted()
    counting.dropped("send_timeout")
    found = shown(counting)
    assert found["streamer_events_replayed_total"] == 9
    assert found["streamer_gaps_total"] == 8
    assert found["streamer_log_interruptions_total"] == 1
    assert found["streamer_connections_dropped_total reason=send_timeout"] == 1
    assert found["streamer_connections_dropped_total reason=no_room"] == 0


def test_numbers_of_several_processes_are_summed_or_the_worst_of_them() -> None:
    by_name = {family.name: family for family in FAMILIES}
    total = Numbers()
    for lag, up, count in ((3.0, 1.0, 10), (7.0, 0.0, 20)):
        numbers = Numbers()
        numbers.set(by_name["streamer_reader_lag_seconds"], lag)
        numbers.set(by_name["streamer_log_up"], up)
        numbers.set(by_name["streamer_readers"], count, "live")
        numbers["of_another_release", "", ()] = 1.0
        total.add(numbers)
    found = samples(page(total, OPEN_METRICS).body)
    assert found == {
        "streamer_reader_lag_seconds": 7.0,
        "streamer_log_up": 0.0,
        "streamer_readers state=live": 30,
    }


def test_what_reads_no_open_metrics_is_given_the_text_format() -> None:
    counting = Counting()
    for accept in ("", "*/*", "text/plain;version=0.0.4"):
        body, content_type = page(counting.numbers(), accept)
        assert content_type == "text/plain; version=0.0.4; charset=utf-8"
        assert b"# TYPE streamer_events_published_total counter" in body
        assert b"# EOF" not in body
    body, content_type = page(counting.numbers(), OPEN_METRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert b"# TYPE streamer_events_published counter" in body
    assert body.endswith(b"# EOF\n")
