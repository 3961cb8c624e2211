"""Every transition of a job: the type, fields, idempotency key and fence of its event.

Whoever reports a transition (a worker, a server, the watches for stalled and waiting
jobs) makes it here and publishes what it is given::

    await lifecycle.cancelled(attempt).publish_with(publisher)

The *key* is what the reporters agree by: of several events with one key the log takes
the first. *Not after* is the fence, `NewEvent.unless`, as the transitions whose keys it
names: so the log itself keeps a worker that was thought dead from reporting what is no
longer true. The fields are in each function; all have `task_name`, and those of an
attempt `attempt`, those of a later run `run`. A test reads this table.

============  =================  =========================  ==========================
transition    event              key                        not after
============  =================  =========================  ==========================
queued        status queued      {run}:queued               end, first start
queued_again  status queued      {run}:reset                end, first start
waiting       status waiting     {run}:waiting:{last}       end, first start
found_worker  status queued      {run}:queued:{last}        end, first start
started       status started     {run}:start:{n}            end, next starts
progress      progress           none                       end, next starts
lines         log                none                       end, next starts
partial       partial            none                       end, next starts
stalled       status stalled     {run}:stalled:{n}:{since}  end, next starts, retrying
running       status running     {run}:back:{last}          end, next starts
retrying      status retrying    {run}:retrying:{n}         end, next starts
cancelling    status cancelling  {run}:cancel               end
cancelled     status cancelled   {run}:end                  next starts
skipped       status cancelled   {run}:end                  nothing
completed     completed          {run}:end                  next starts
failed        error              {run}:end                  next starts
refused       error              {run}:end                  nothing
============  =================  =========================  ==========================
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar

from ..events.topic import JOBS
from ..events.trace import Trace
from ..publishing.job_publishing import JobPublishing, job_fields
from .keys import FIRST, end_key, queued_key, retry_key, run_name, start_key
from .told import Line, Lines, Partial, Update

A = TypeVar("A")

#: The task name under which a snapshot keeps that a cancel was asked for.
CANCEL_TASK: Final = "cancel"
#: Not one of the snapshot's words: asking does not change what the job is doing.
CANCELLING: Final = "cancelling"
#: Nor is this: the job is queued, as it was.
WAITING: Final = "waiting"
#: Metadata of ``queued``: where the job waits.
QUEUE_FIELD: Final = "queue"


class Run(NamedTuple):
    """One run of a job: what its events have in common.

    Attributes:
        topics: where they go; the last is the job's own.
        task_name: what runs.
        id: which run of the job it is, as in `runs`.
        parent: the id of the job that this one is a part of; those that begin an
            attempt name it.
        trace: what its events carry.
    """

    topics: tuple[str, ...]
    task_name: str | None
    id: str = FIRST
    parent: str | None = None
    trace: Trace | None = None

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.topics[-1].removeprefix(JOBS)

    @property
    def name(self) -> str:
        """What stands for the run in keys."""
        return run_name(self.job_id, self.id)


class Attempt(NamedTuple):
    """One attempt of a run.

    Attributes:
        number: counted from 1; 0 where none has started.
        enqueued: the runs of the job that it has itself enqueued, or tried to.
    """

    run: Run
    number: int
    enqueued: tuple[str, ...] = ()

    @property
    def next_starts(self) -> tuple[str, ...]:
        """The keys of what may have started after it: the next attempt, another run."""
        following = self.number + 1
        others = [run_name(self.run.job_id, each) for each in self.enqueued]
        return (
            start_key(self.run.name, following),
            # Another run counts on from this one's attempt if it has not ended then.
            *(start_key(name, number) for name in others for number in (1, following)),
        )

    @property
    def fence(self) -> tuple[str, ...]:
        """The keys of what it must not report anything after, as long as it runs."""
        return (end_key(self.run.name), *self.next_starts)


class Transition(NamedTuple):
    """An event to be published; what each part is, `new_event` says."""

    topics: tuple[str, ...]
    type: str
    fields: dict[str, Any]
    key: str | None
    unless: tuple[str, ...]

    def publish_with(self, publisher: JobPublishing[A]) -> A:
        """Publish it; what that returns and raises is the publisher's."""
        return publisher.publish(
            self.topics, self.type, self.fields, idempotency_key=self.key, unless=self.unless
        )


# A run waits.


def queued(run: Run, queue: str | None, *, after: Attempt | None = None) -> Transition:
    """It was enqueued; by the attempt `after`, if it is the same job that did.

    `queue` is None where no worker of a queue takes it.
    """
    return _queued(run, "queued", "Queued", queue, key=queued_key(run.name), after=after)


def queued_again(run: Run, queue: str | None) -> Transition:
    """It is about to start, and what was reported last is the end of another run."""
    return _queued(run, "queued", "Queued", queue, key=f"{run.name}:reset")


def waiting(run: Run, queue: str, last: str) -> Transition:
    """No worker takes jobs from its queue.

    `last` is the id of the job's last event: reported once each time that it changes,
    by whoever sees it first.
    """
    message = f"Waiting: no worker is running for the queue {queue!r}"
    return _queued(run, WAITING, message, queue, key=f"{run.name}:{WAITING}:{last}")


def found_worker(run: Run, queue: str, last: str) -> Transition:
    """There is a worker for one that was `waiting`; `last` is as there."""
    return _queued(run, "queued", "Queued", queue, key=f"{run.name}:queued:{last}")


# An attempt runs.


def started(attempt: Attempt) -> Transition:
    """A worker has begun it."""
    run, number = attempt.run, attempt.number
    message = f"Started, attempt {number}" if number > 1 else "Started"
    key = start_key(run.name, number)
    return _status(
        run, "started", message, number, parent=run.parent, key=key, unless=attempt.fence
    )


def progress(attempt: Attempt, update: Update) -> Transition:
    """It has come so far; every update is an event of its own."""
    own = {
        "progress": update.fraction,
        "status": "in_progress",
        "message": update.message,
        "rate": update.rate,
        "eta_seconds": update.eta_seconds,
        "tasks": update.tasks or None,
        "metadata": dict(update.metadata),
    }
    return _event(attempt.run, "progress", own, attempt.number, key=None, unless=attempt.fence)


def lines(attempt: Attempt, told: Lines) -> Transition:
    """It has logged these; some of a moment are one event."""
    own = {"lines": [_line(line) for line in told.lines], "left_out": told.left_out or None}
    return _event(attempt.run, "log", own, attempt.number, key=None, unless=attempt.fence)


def partial(attempt: Attempt, told: Partial) -> Transition:
    """It has come to this so far."""
    own = {"result": told.result}
    return _event(attempt.run, "partial", own, attempt.number, key=None, unless=attempt.fence)


def stalled(attempt: Attempt, seconds: float, since: int | None) -> Transition:
    """Its worker has shown no sign of life for `seconds`.

    `since` is when its lease was taken, in the log's milliseconds: an attempt that came
    back may stall once more.
    """
    run, number = attempt.run, attempt.number
    return _status(
        run,
        "stalled",
        f"No sign of life from the worker for {seconds:g} s",
        number,
        key=f"{run.name}:stalled:{number}:{since}",
        unless=(*attempt.fence, retry_key(run.name, number)),
    )


def running(attempt: Attempt, last: str) -> Transition:
    """Its worker is back, after the event with the id `last` had called it stalled."""
    key = f"{attempt.run.name}:back:{last}"
    return _status(
        attempt.run,
        "running",
        "The worker is back",
        attempt.number,
        key=key,
        unless=attempt.fence,
    )


def retrying(attempt: Attempt, error: str, delay: float) -> Transition:
    """It failed, and the next one begins in `delay` seconds."""
    return _status(
        attempt.run,
        "retrying",
        f"{error}; next attempt in {delay:.3g} s",
        attempt.number,
        metadata={"error": error, "delay": delay},
        key=retry_key(attempt.run.name, attempt.number),
        unless=attempt.fence,
    )


def cancelling(run: Run) -> Transition:
    """Somebody asked for the run to be cancelled, and its worker is to stop."""
    asked = run._replace(task_name=CANCEL_TASK)
    key, unless = f"{run.name}:cancel", (end_key(run.name),)
    return _status(asked, CANCELLING, "Cancelling", key=key, unless=unless)


# A run ends: whatever comes first of these is the end.


def cancelled(attempt: Attempt) -> Transition:
    """It was cancelled, while it ran or after it; the next one may have started by now.

    Of this and a start that a worker reports at the same time one is in the log,
    and both sides see which.
    """
    run, number = attempt.run, attempt.number or None
    key = end_key(run.name)
    return _status(run, "cancelled", "Cancelled", number, key=key, unless=attempt.next_starts)


def skipped(run: Run) -> Transition:
    """It was cancelled, as the worker reports that has its message and did not start it."""
    return _status(run, "cancelled", "Cancelled", key=end_key(run.name))


def completed(attempt: Attempt, result: object, omitted: str | None = None) -> Transition:
    """It succeeded; `omitted` says why `result` is not what it returned."""
    own = {"result_omitted": omitted, "result": result}
    return _end(attempt, "completed", own)


def failed(attempt: Attempt, error: str, kind: str) -> Transition:
    """It failed with an exception of that `kind`, and nobody tries it again."""
    return _end(attempt, "error", {"error": error, "details": {"type": kind}})


def refused(run: Run, reason: str) -> Transition:
    """It will never start: it could not be queued, or no worker will have it."""
    return _event(run, "error", {"error": reason}, key=end_key(run.name))


# What is common to several.


def _line(line: Line) -> dict[str, str]:
    at = datetime.fromtimestamp(line.at, UTC).isoformat(timespec="milliseconds")
    said = {"text": line.text, "level": line.level, "at": at.replace("+00:00", "Z")}
    return said if line.source is None else {**said, "source": line.source}


def _queued(
    run: Run,
    status: str,
    message: str,
    queue: str | None,
    *,
    key: str,
    after: Attempt | None = None,
) -> Transition:
    others = after.next_starts if after is not None else ()
    return _status(
        run,
        status,
        message,
        metadata={} if queue is None else {QUEUE_FIELD: queue},
        parent=run.parent,
        key=key,
        unless=(end_key(run.name), start_key(run.name, 1), *others),
    )


def _end(attempt: Attempt, event_type: str, own: Mapping[str, Any]) -> Transition:
    run, number = attempt.run, attempt.number
    return _event(run, event_type, own, number, key=end_key(run.name), unless=attempt.next_starts)


def _status(
    run: Run,
    status: str,
    message: str,
    attempt: int | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    parent: str | None = None,
    key: str,
    unless: tuple[str, ...] = (),
) -> Transition:
    own = {"status": status, "message": message, "metadata": dict(metadata or {})}
    return _event(run, "status", own, attempt, parent=parent, key=key, unless=unless)


def _event(
    run: Run,
    event_type: str,
    own: Mapping[str, Any],
    attempt: int | None = None,
    *,
    parent: str | None = None,
    key: str | None,
    unless: tuple[str, ...] = (),
) -> Transition:
    fields = job_fields(
        own, task_name=run.task_name, attempt=attempt, run=run.id or None, parent_id=parent
    )
    if run.trace is not None:
        fields |= run.trace.to_fields()
    return Transition(run.topics, event_type, fields, key, unless)
