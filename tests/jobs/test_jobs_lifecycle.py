"""Each transition of a job in a sentence: its event, whose key it has, what it must not follow."""

from __future__ import annotations

import asyncio
import inspect
import re
from typing import Final

import msgspec
import pytest

from streamer import Publisher, SyncPublisher
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.job_event import TaskProgress
from streamer.events.json_line import encode_line
from streamer.jobs import lifecycle
from streamer.jobs.keys import end_key, retry_key, run_named, start_key
from streamer.jobs.lifecycle import Attempt, Run, Transition
from streamer.jobs.told import Line, Lines, Partial, Update
from support.jobs import bodies_of

TOPICS: Final = ("projects/p", "jobs/j")
RUN: Final = Run(TOPICS, "encode")
#: A later run of a job that is a part of another one.
LATER: Final = Run(TOPICS, "encode", "r2", "whole")
SECOND: Final = Attempt(LATER, 2)
TASKS: Final = (TaskProgress(name="video", done=12, total=24),)
LINE: Final = Line("hello", "info", "myapp", 1795867200.0)


def event_of(transition: Transition) -> tuple[str, str]:
    """Its type, and its fields as they are on the wire, to the byte."""
    assert transition.topics == TOPICS
    return transition.type, encode_line(transition.fields).decode()


# A run waits.


def test_a_run_is_queued_once_and_not_after_it_ended_or_first_started() -> None:
    queued = lifecycle.queued(RUN, "gpu")
    assert event_of(queued) == (
        "status",
        '{"task_name":"encode","status":"queued","message":"Queued","metadata":{"queue":"gpu"}}',
    )
    assert queued.key == "j:queued"
    assert queued.unless == ("j:end", "j:start:1")


def test_a_later_run_is_queued_by_its_own_name_and_names_its_parent() -> None:
    queued = lifecycle.queued(LATER, "gpu")
    assert event_of(queued) == (
        "status",
        (
            '{"task_name":"encode","status":"queued","message":"Queued",'
            '"metadata":{"queue":"gpu"},"run":"r2","parent_id":"whole"}'
        ),
    )
    assert queued.key == "j:r2:queued"
    assert queued.unless == ("j:r2:end", "j:r2:start:1")


def test_a_run_that_its_job_enqueued_itself_is_not_queued_after_anything_that_started_since() -> (
    None
):
    queued = lifecycle.queued(LATER, "gpu", after=Attempt(RUN, 1, ("r2",)))
    assert queued.unless == (
        *("j:r2:end", "j:r2:start:1"),
        *("j:start:2", "j:r2:start:1", "j:r2:start:2"),
    )


def test_a_run_that_starts_after_the_end_of_another_is_queued_again_with_a_key_of_its_own() -> None:
    again = lifecycle.queued_again(LATER, "gpu")
    assert event_of(again) == event_of(lifecycle.queued(LATER, "gpu"))
    assert again.key == "j:r2:reset"
    assert again.unless == ("j:r2:end", "j:r2:start:1")


def test_a_run_waits_for_a_worker_once_after_each_event_until_it_starts() -> None:
    waiting = lifecycle.waiting(RUN, "gpu", "7-0")
    assert event_of(waiting) == (
        "status",
        (
            '{"task_name":"encode","status":"waiting","message":'
            '"Waiting: no worker is running for the queue \'gpu\'","metadata":{"queue":"gpu"}}'
        ),
    )
    assert waiting.key == "j:waiting:7-0"
    assert waiting.unless == ("j:end", "j:start:1")


def test_a_run_that_waited_is_queued_once_a_worker_is_found() -> None:
    found = lifecycle.found_worker(RUN, "gpu", "8-0")
    assert event_of(found) == event_of(lifecycle.queued(RUN, "gpu"))
    assert found.key == "j:queued:8-0"
    assert found.unless == ("j:end", "j:start:1")


# An attempt runs.


def test_the_first_attempt_starts_once_and_not_after_the_end_or_the_second() -> None:
    started = lifecycle.started(Attempt(RUN, 1))
    assert event_of(started) == (
        "status",
        '{"task_name":"encode","status":"started","message":"Started","metadata":{},"attempt":1}',
    )
    assert started.key == "j:start:1"
    assert started.unless == ("j:end", "j:start:2")


def test_a_later_attempt_says_which_it_is_and_of_which_run_and_parent() -> None:
    started = lifecycle.started(SECOND)
    assert event_of(started) == (
        "status",
        (
            '{"task_name":"encode","status":"started","message":"Started, attempt 2",'
            '"metadata":{},"attempt":2,"run":"r2","parent_id":"whole"}'
        ),
    )
    assert started.key == "j:r2:start:2"
    assert started.unless == ("j:r2:end", "j:r2:start:3")


def test_an_attempt_reports_progress_as_often_as_it_likes_until_it_is_over() -> None:
    progress = lifecycle.progress(SECOND, Update(0.5, "half", {"fps": 9}, 0.1, 5.0, TASKS))
    assert event_of(progress) == (
        "progress",
        (
            '{"task_name":"encode","progress":0.5,"status":"in_progress","message":"half",'
            '"rate":0.1,"eta_seconds":5.0,"tasks":[{"name":"video","done":12,"total":24}],'
            '"metadata":{"fps":9},"attempt":2,"run":"r2"}'
        ),
    )
    assert progress.key is None
    assert progress.unless == ("j:r2:end", "j:r2:start:3")


def test_progress_without_a_message_has_none() -> None:
    progress = lifecycle.progress(Attempt(RUN, 1), Update(0.0))
    assert event_of(progress) == (
        "progress",
        '{"task_name":"encode","progress":0.0,"status":"in_progress","metadata":{},"attempt":1}',
    )


def test_an_attempt_logs_lines_until_it_is_over() -> None:
    told = lifecycle.lines(SECOND, Lines((LINE,), left_out=3))
    assert event_of(told) == (
        "log",
        (
            '{"task_name":"encode","lines":[{"text":"hello","level":"info",'
            '"at":"2026-11-28T12:00:00.000Z","source":"myapp"}],"left_out":3,"attempt":2,"run":"r2"}'
        ),
    )
    assert (told.key, told.unless) == (None, ("j:r2:end", "j:r2:start:3"))
    assert "left_out" not in lifecycle.lines(SECOND, Lines((LINE,))).fields


def test_an_attempt_says_what_it_has_come_to_so_far_until_it_is_over() -> None:
    told = lifecycle.partial(SECOND, Partial(msgspec.Raw(b'{"pages":3}')))
    assert event_of(told) == (
        "partial",
        '{"task_name":"encode","attempt":2,"run":"r2","result":{"pages":3}}',
    )
    assert (told.key, told.unless) == (None, ("j:r2:end", "j:r2:start:3"))


def test_an_attempt_stalls_once_for_each_lease_unless_it_went_on_in_any_way() -> None:
    stalled = lifecycle.stalled(SECOND, 10.0, 1234)
    assert event_of(stalled) == (
        "status",
        (
            '{"task_name":"encode","status":"stalled","message":"No sign of life from the worker '
            'for 10 s","metadata":{},"attempt":2,"run":"r2"}'
        ),
    )
    assert stalled.key == "j:r2:stalled:2:1234"
    assert stalled.unless == ("j:r2:end", "j:r2:start:3", "j:r2:retrying:2")


def test_an_attempt_runs_again_once_after_each_time_it_was_called_stalled() -> None:
    running = lifecycle.running(SECOND, "9-0")
    assert event_of(running) == (
        "status",
        (
            '{"task_name":"encode","status":"running","message":"The worker is back",'
            '"metadata":{},"attempt":2,"run":"r2"}'
        ),
    )
    assert running.key == "j:r2:back:9-0"
    assert running.unless == ("j:r2:end", "j:r2:start:3")


def test_an_attempt_that_failed_is_retried_and_says_why_and_when() -> None:
    retrying = lifecycle.retrying(SECOND, "no disk", 0.25)
    assert event_of(retrying) == (
        "status",
        (
            '{"task_name":"encode","status":"retrying","message":"no disk; next attempt in 0.25 s",'
            '"metadata":{"error":"no disk","delay":0.25},"attempt":2,"run":"r2"}'
        ),
    )
    assert retrying.key == "j:r2:retrying:2"
    assert retrying.unless == ("j:r2:end", "j:r2:start:3")


def test_a_cancel_is_asked_for_once_as_a_task_of_its_own_unless_the_run_is_over() -> None:
    cancelling = lifecycle.cancelling(LATER)
    assert event_of(cancelling) == (
        "status",
        (
            '{"task_name":"cancel","status":"cancelling","message":"Cancelling","metadata":{},'
            '"run":"r2"}'
        ),
    )
    assert cancelling.key == "j:r2:cancel"
    assert cancelling.unless == ("j:r2:end",)


# A run ends.


def test_an_attempt_is_cancelled_unless_the_next_has_started() -> None:
    cancelled = lifecycle.cancelled(SECOND)
    assert event_of(cancelled) == (
        "status",
        (
            '{"task_name":"encode","status":"cancelled","message":"Cancelled","metadata":{},'
            '"attempt":2,"run":"r2"}'
        ),
    )
    assert cancelled.key == "j:r2:end"
    assert cancelled.unless == ("j:r2:start:3",)


def test_a_run_that_never_started_is_cancelled_unless_it_starts_now() -> None:
    cancelled = lifecycle.cancelled(Attempt(RUN, 0))
    assert event_of(cancelled) == (
        "status",
        '{"task_name":"encode","status":"cancelled","message":"Cancelled","metadata":{}}',
    )
    assert cancelled.unless == ("j:start:1",)


def test_a_run_that_its_worker_skips_is_cancelled_whatever_started_before() -> None:
    skipped = lifecycle.skipped(RUN)
    assert event_of(skipped) == event_of(lifecycle.cancelled(Attempt(RUN, 0)))
    assert skipped.key == "j:end"
    assert skipped.unless == ()


@pytest.mark.parametrize(
    ("result", "omitted", "said"),
    [
        ({"url": "/x"}, None, '"attempt":2,"run":"r2","result":{"url":"/x"}'),
        (None, None, '"attempt":2,"run":"r2","result":null'),
        (None, "too large", '"result_omitted":"too large","attempt":2,"run":"r2","result":null'),
    ],
)
def test_an_attempt_completes_with_its_result_or_says_why_without(
    result: object, omitted: str | None, said: str
) -> None:
    completed = lifecycle.completed(SECOND, result, omitted)
    assert event_of(completed) == ("completed", f'{{"task_name":"encode",{said}}}')
    assert completed.key == "j:r2:end"
    assert completed.unless == ("j:r2:start:3",)


def test_an_attempt_fails_for_good_with_its_error_and_the_kind_of_it() -> None:
    failed = lifecycle.failed(SECOND, "no disk", "OSError")
    assert event_of(failed) == (
        "error",
        (
            '{"task_name":"encode","error":"no disk","details":{"type":"OSError"},"attempt":2,'
            '"run":"r2"}'
        ),
    )
    assert failed.key == "j:r2:end"
    assert failed.unless == ("j:r2:start:3",)


def test_a_run_that_nobody_will_start_is_refused_with_the_reason() -> None:
    refused = lifecycle.refused(LATER, "no worker knows the actor 'encode'")
    assert event_of(refused) == (
        "error",
        '{"task_name":"encode","error":"no worker knows the actor \'encode\'","run":"r2"}',
    )
    assert refused.key == "j:r2:end"
    assert refused.unless == ()


# What they stand on.


def test_an_attempt_must_not_report_after_a_run_that_it_enqueued_has_started() -> None:
    """Which is its first attempt, or counts on from this one."""
    attempt = Attempt(LATER, 2, ("", "r3"))
    assert attempt.next_starts == (
        "j:r2:start:3",
        *("j:start:1", "j:start:3"),
        *("j:r3:start:1", "j:r3:start:3"),
    )
    assert attempt.fence == ("j:r2:end", *attempt.next_starts)


@pytest.mark.parametrize("run", [RUN, LATER])
def test_a_run_is_found_by_its_name(run: Run) -> None:
    assert run.job_id == "j"
    assert run_named(run.name, run.job_id) == run.id


async def test_a_transition_is_published_alike_by_coroutines_and_by_threads() -> None:
    """And the log keeps to its key and its fence."""
    first, second = MemoryEventLog(), MemoryEventLog()
    told = [lifecycle.started(SECOND), lifecycle.completed(SECOND, 1), lifecycle.cancelled(SECOND)]
    for transition in told:
        await transition.publish_with(Publisher(first))
    with SyncPublisher(lambda: second) as publisher:
        for transition in told:
            transition.publish_with(publisher)
        assert await asyncio.to_thread(publisher.flush)
        bodies = [await bodies_of(log, "jobs/j") for log in (first, second)]
    for body in (*bodies[0], *bodies[1]):
        del body["id"], body["timestamp"]
    assert bodies[0] == bodies[1]
    assert [body["type"] for body in bodies[0]] == ["status", "completed"]


#: One of each, with an attempt that has enqueued nothing.
ONE_OF_EACH: Final[dict[str, Transition]] = {
    "queued": lifecycle.queued(LATER, "gpu"),
    "queued_again": lifecycle.queued_again(LATER, "gpu"),
    "waiting": lifecycle.waiting(LATER, "gpu", "7-0"),
    "found_worker": lifecycle.found_worker(LATER, "gpu", "7-0"),
    "started": lifecycle.started(SECOND),
    "progress": lifecycle.progress(SECOND, Update(0.5)),
    "lines": lifecycle.lines(SECOND, Lines((LINE,))),
    "partial": lifecycle.partial(SECOND, Partial(msgspec.Raw(b"[1]"))),
    "stalled": lifecycle.stalled(SECOND, 10, 1234),
    "running": lifecycle.running(SECOND, "7-0"),
    "retrying": lifecycle.retrying(SECOND, "no disk", 1),
    "cancelling": lifecycle.cancelling(LATER),
    "cancelled": lifecycle.cancelled(SECOND),
    "skipped": lifecycle.skipped(LATER),
    "completed": lifecycle.completed(SECOND, 1),
    "failed": lifecycle.failed(SECOND, "no disk", "OSError"),
    "refused": lifecycle.refused(LATER, "why"),
}
#: What the table calls a fence.
FENCES: Final[dict[str, tuple[str, ...]]] = {
    "nothing": (),
    "end": (end_key(LATER.name),),
    "first start": (start_key(LATER.name, 1),),
    "next starts": SECOND.next_starts,
    "retrying": (retry_key(LATER.name, 2),),
}


def test_the_table_at_the_top_of_the_file_is_what_the_functions_say() -> None:
    rows = {}
    for line in (lifecycle.__doc__ or "").split("\n"):
        cells = re.split(r"  +", line)
        if len(cells) == 4 and not line.startswith("=") and cells[0] != "transition":
            rows[cells[0]] = tuple(cells[1:])
    assert list(rows) == list(ONE_OF_EACH) == transitions_of_the_file()
    for name, (event, key, fence) in rows.items():
        transition = ONE_OF_EACH[name]
        status = transition.fields["status"] if transition.type == "status" else ""
        assert f"{transition.type} {status}".strip() == event, name
        filled = key.format(run=LATER.name, n=2, last="7-0", since=1234)
        assert (transition.key or "none") == filled, name
        assert transition.unless == sum((FENCES[each] for each in fence.split(", ")), ()), name


def transitions_of_the_file() -> list[str]:
    """Its public functions, in their order."""
    return [
        name
        for name, member in vars(lifecycle).items()
        if inspect.isfunction(member)
        and member.__module__ == lifecycle.__name__
        and not name.startswith("_")
    ]
