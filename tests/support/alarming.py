"""What each alert of deploy/prometheus/alerts.yml is about: the numbers that make it fire."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
RULES: Final = DEPLOY / "prometheus" / "rules.yml"
ALERTS: Final = DEPLOY / "prometheus" / "alerts.yml"
CONFIG: Final = DEPLOY / "prometheus" / "prometheus.yml"


class Moving(NamedTuple):
    """A number: where it begins, and by how much it grows in a second."""

    start: float
    step: float = 0.0


Samples = Mapping[str, Moving]


def _histogram(name: str, within: str) -> dict[str, Moving]:
    """Ten in a second, all of them within the bucket of that bound."""
    grows, never = Moving(0, 10), Moving(0)
    bounds = ["0.005", "0.5", "2.5", "+Inf"]
    return {
        f'{name}_bucket{{le="{bound}"}}': grows if place >= bounds.index(within) else never
        for place, bound in enumerate(bounds)
    }


#: A server with which all is well; none of the alerts fires.
WELL: Final[Samples] = {
    "streamer_log_up": Moving(1),
    "streamer_log_interruptions_total": Moving(1),
    "streamer_events_published_total": Moving(0, 10),
    "streamer_events_failed_total": Moving(0),
    "streamer_gaps_total": Moving(7),
    **_histogram("streamer_append_duration_seconds", "0.005"),
    **_histogram("streamer_delivery_delay_seconds", "0.5"),
    **_histogram("streamer_loop_lag_seconds", "0.005"),
    'streamer_readers{state="live"}': Moving(100),
    'streamer_readers{state="lagging"}': Moving(1),
    "streamer_readers_limit": Moving(1000),
    'streamer_connections_dropped_total{reason="failed"}': Moving(1),
    'streamer_connections_dropped_total{reason="no_room"}': Moving(1),
    'streamer_connections_dropped_total{reason="send_timeout"}': Moving(1, 1),
    'streamer_refusals_total{code="internal_error"}': Moving(1),
    'streamer_refusals_total{code="too_many_connections"}': Moving(0, 0.5),
    "streamer_descriptors_used_ratio": Moving(0.5),
    "streamer_processes_ended_total": Moving(2),
    "streamer_disk_low": Moving(0),
    'streamer_queue_jobs{queue="streamer"}': Moving(3),
    'streamer_queue_workers{queue="streamer"}': Moving(1),
    'streamer_queue_age_seconds{queue="streamer"}': Moving(5),
    'streamer_jobs{kind="transcode",state="completed"}': Moving(100),
    'streamer_jobs{kind="transcode",state="failed"}': Moving(9),
    'streamer_jobs{kind="transcode",state="stalled"}': Moving(0),
}

#: What is different where an alert fires, and no other does.
WRONG: Final[Mapping[str, Samples]] = {
    "StreamerDown": {"up": Moving(0)},
    "StreamerLogDown": {"streamer_log_up": Moving(0)},
    "StreamerPublishingFails": {"streamer_events_failed_total": Moving(0, 1)},
    "StreamerLogUnsteady": {"streamer_log_interruptions_total": Moving(0, 2)},
    "StreamerAppendsSlow": _histogram("streamer_append_duration_seconds", "0.5"),
    "StreamerDeliverySlow": _histogram("streamer_delivery_delay_seconds", "2.5"),
    "StreamerReadersLag": {'streamer_readers{state="lagging"}': Moving(30)},
    "StreamerGaps": {"streamer_gaps_total": Moving(0, 20)},
    "StreamerReadersFail": {'streamer_connections_dropped_total{reason="failed"}': Moving(0, 1)},
    "StreamerNoRoom": {'streamer_connections_dropped_total{reason="no_room"}': Moving(0, 1)},
    "StreamerAlmostFull": {'streamer_readers{state="live"}': Moving(950)},
    "StreamerServerErrors": {'streamer_refusals_total{code="internal_error"}': Moving(0, 1)},
    "StreamerLoopLate": _histogram("streamer_loop_lag_seconds", "0.5"),
    "StreamerDescriptorsLow": {"streamer_descriptors_used_ratio": Moving(0.95)},
    "StreamerDiskLow": {"streamer_disk_low": Moving(1)},
    "StreamerProcessesDie": {"streamer_processes_ended_total": Moving(0, 2)},
    "StreamerNoWorker": {'streamer_queue_workers{queue="streamer"}': Moving(0)},
    "StreamerQueueOld": {'streamer_queue_age_seconds{queue="streamer"}': Moving(700, 1)},
    "StreamerJobsStalled": {'streamer_jobs{kind="transcode",state="stalled"}': Moving(1)},
    "StreamerJobsFail": {'streamer_jobs{kind="transcode",state="failed"}': Moving(200)},
}


def alerts() -> dict[str, float]:
    """Each alert of the file, and the seconds that it waits."""
    found = {}
    units = {"s": 1, "m": 60, "h": 3600}
    for name, rest in re.findall(
        r"- alert: (\w+)\n(.*?)(?=\n\n|\Z)", ALERTS.read_text("utf-8"), re.DOTALL
    ):
        wait = re.search(r"^\s+for: (\d+)([smh])$", rest, re.MULTILINE)
        found[name] = 0.0 if wait is None else float(wait[1]) * units[wait[2]]
    return found


def page_of(samples: Samples, seconds: float) -> str:
    """A page that says `samples` as they are after `seconds`."""
    return "".join(
        f"{name} {moving.start + moving.step * seconds}\n" for name, moving in samples.items()
    )


def unit_tests(rules: Path, alerts_file: Path) -> str:
    """A file for ``promtool test rules``: each alert fires in its time, alone, and not before."""
    return json.dumps(
        {
            "rule_files": [str(rules), str(alerts_file)],
            "evaluation_interval": f"{_STEP}s",
            "tests": [_unit_test("all is well", WELL, []), *_unit_tests()],
        },
        indent=1,
    )


#: Minutes after which everything has fired that fires.
_LONG: Final = 20
#: Seconds between two looks.
_STEP: Final = 30


def _unit_tests() -> Iterator[object]:
    waits = alerts()
    for name, wrong in WRONG.items():
        checks = [] if not waits[name] else [(waits[name] - _STEP, None)]
        yield _unit_test(name, {**WELL, **wrong}, [*checks, (_LONG * 60, name)])


def _unit_test(name: str, samples: Samples, checks: list[tuple[float, str | None]]) -> object:
    series = {"up": Moving(1), **samples}
    return {
        "name": name,
        "interval": f"{_STEP}s",
        "input_series": [
            {
                "series": _labelled(series_name),
                "values": f"{moving.start:g}+{moving.step * _STEP:g}x{_LONG * 60 // _STEP}",
            }
            for series_name, moving in series.items()
        ],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{seconds:g}s",
                "exp_samples": []
                if fires is None
                else [{"labels": f'{{alertname="{fires}"}}', "value": 1}],
            }
            for seconds, fires in (checks or [(_LONG * 60, None)])
        ],
    }


def _labelled(series: str) -> str:
    name, _, labels = series.partition("{")
    own = 'job="streamer",instance="one:8000"'
    return f"{name}{{{own}}}" if not labels else f"{name}{{{own},{labels}"
