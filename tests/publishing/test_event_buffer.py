"""The buffer: what is dropped, and in which order, when it is full."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.events.new_event import NewEvent, new_event
from streamer.publishing.event_buffer import EventBuffer

_ROOMY = 10**9


def a_progress(task: str, fraction: float) -> NewEvent:
    return new_event("jobs/j", "progress", {"task_name": task, "progress": fraction})


def a_status(text: str) -> NewEvent:
    return new_event("jobs/j", "status", {"status": text})


def the_end() -> NewEvent:
    return new_event("jobs/j", "completed", {"result": None})


def test_an_outbox_gives_back_what_it_was_given_in_order() -> None:
    buffer = EventBuffer(10, _ROOMY)
    events = [a_status(f"s{number}") for number in range(5)]
    for event in events:
        assert buffer.add(event) == 0
    assert buffer.take(3, _ROOMY) == events[:3]
    assert buffer.first_number == 3
    assert buffer.take(3, _ROOMY) == events[3:]
    assert (len(buffer), buffer.bytes, buffer.first_number) == (0, 0, 5)


def test_superseded_progress_goes_first_and_the_oldest_of_it_before_all() -> None:
    buffer = EventBuffer(5, _ROOMY)
    status, end = a_status("started"), the_end()
    a1, b1, b2, a2 = (a_progress(t, f) for t, f in (("a", 0.1), ("b", 0.1), ("b", 0.2), ("a", 0.2)))
    for event in (status, a1, b1, b2, a2):
        buffer.add(event)
    assert buffer.add(end) == 1
    assert buffer.take(10, _ROOMY) == [status, b1, b2, a2, end]


def test_progress_is_only_superseded_by_progress_of_the_same_task_and_topics() -> None:
    buffer = EventBuffer(2, _ROOMY)
    elsewhere = new_event("jobs/k", "progress", {"task_name": "a", "progress": 0.5})
    first, other = a_progress("a", 0.1), a_progress("b", 0.2)
    buffer.add(first)
    buffer.add(elsewhere)
    assert buffer.add(other) == 1
    # Nothing was superseded, so the oldest went.
    assert buffer.take(10, _ROOMY) == [elsewhere, other]


def test_a_new_event_that_is_not_terminal_never_displaces_a_terminal_one() -> None:
    buffer = EventBuffer(2, _ROOMY)
    ends = [the_end(), the_end()]
    for end in ends:
        buffer.add(end)
    assert buffer.add(a_status("late")) == 1
    assert buffer.take(10, _ROOMY) == ends


def test_when_all_are_terminal_the_oldest_goes() -> None:
    buffer = EventBuffer(2, _ROOMY)
    ends = [the_end() for _ in range(3)]
    for end in ends:
        buffer.add(end)
    assert buffer.take(10, _ROOMY) == ends[1:]


def test_bytes_bound_the_outbox_as_the_count_does() -> None:
    buffer = EventBuffer(1000, 3900)
    big = new_event("a", "note", {"text": "x" * 3000})
    buffer.add(a_status("started"))
    buffer.add(a_status("working"))
    assert not buffer.has_room_for(big)
    assert buffer.add(big) == 1
    assert [event.type for event in buffer.take(10, _ROOMY)] == ["status", "note"]


def test_a_batch_is_at_least_one_event_and_else_within_its_bytes() -> None:
    buffer = EventBuffer(1000, _ROOMY)
    for _ in range(4):
        buffer.add(new_event("a", "note", {"text": "x" * 700}))
    assert len(buffer.take(10, 10)) == 1
    assert len(buffer.take(10, 2100)) == 2


_tasks = st.sampled_from(["a", "b", "c"])
_actions = st.lists(
    st.one_of(
        st.builds(lambda task: ("progress", task), _tasks),
        st.just(("status", "")),
        st.just(("end", "")),
        st.builds(lambda count: ("take", count), st.integers(1, 4)),
    ),
    max_size=60,
)


class _Model:
    """The policy, said in the plainest way: look at everything each time."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.held: list[NewEvent] = []

    def add(self, event: NewEvent) -> int:
        self.held.append(event)
        if len(self.held) <= self.capacity:
            return 0
        del self.held[self._victim()]
        return 1

    def _victim(self) -> int:
        for index, event in enumerate(self.held):
            if event.type == "progress" and any(
                later.type == "progress" and later.task == event.task
                for later in self.held[index + 1 :]
            ):
                return index
        return next((i for i, event in enumerate(self.held) if not event.terminal), 0)


@given(actions=_actions, capacity=st.integers(1, 6))
def test_the_outbox_does_what_the_plain_policy_says(
    actions: list[tuple[str, str | int]], capacity: int
) -> None:
    buffer, model = EventBuffer(capacity, _ROOMY), _Model(capacity)
    for number, (action, detail) in enumerate(actions):
        if action == "take":
            assert isinstance(detail, int)
            taken = buffer.take(detail, _ROOMY)
            assert taken == model.held[:detail]
            del model.held[:detail]
        else:
            event = {
                "progress": lambda: a_progress(str(detail), (number % 100) / 100),  # noqa: B023
                "status": lambda: a_status(f"s{number}"),  # noqa: B023
                "end": the_end,
            }[action]()
            assert buffer.add(event) == model.add(event)
        assert len(buffer) == len(model.held)
        assert buffer.has_room_for(the_end()) == (len(model.held) < capacity)
    assert buffer.take(100, _ROOMY) == model.held
    assert buffer.bytes == 0
