"""The forms of a feed's live readers that have a state of the feed, and who waits for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..wire.form import FeedForm, Form, MarkedForm, PerFeed
    from .batch_pass import Pass
    from .cohort import Cohort


class OwnForms:
    """What those in step have in common, and those who cannot join them yet, by plain form.

    Such a form can be joined where it begins anew. Until then whoever comes waits, in a form
    in which nothing refers to anything else: it can be joined at any time.
    """

    __slots__ = ("_in_step", "_paid", "_waiting")

    def __init__(self) -> None:
        self._in_step: dict[Form, FeedForm] = {}
        self._waiting: dict[Form, MarkedForm] = {}
        # What those who wait have paid for it to begin anew: a batch each.
        self._paid: dict[Form, int] = {}

    @property
    def all(self) -> tuple[MarkedForm, ...]:
        """Those of all cohorts."""
        return (*self._in_step.values(), *self._waiting.values())

    def to_join(self, form: PerFeed, under_way: Pass | None) -> MarkedForm:
        """The one of `form` that a reader can join now, behind the batch that is `under_way`."""
        plain: Form = form  # type: ignore[assignment]  # as each is
        own = self._in_step.get(plain)
        if own is None:
            own = self._in_step[plain] = form.for_feed()
            return own
        if under_way is not None:
            under_way.encode_for(own)
        if own.is_fresh:
            return own
        waiting = self._waiting.get(plain)
        if waiting is None:
            waiting = self._waiting[plain] = form.for_waiting()
        elif under_way is not None:
            under_way.encode_for(waiting)
        return waiting

    def keep(self, cohorts: Sequence[Cohort]) -> None:
        """Forget those in which nobody is any more; `cohorts` are all there are."""
        if not self._in_step and not self._waiting:
            return
        kept = {id(cohort.form) for cohort in cohorts}
        for plain, own in tuple(self._in_step.items()):
            if id(own) not in kept:
                own.renew()
                del self._in_step[plain]
                self._paid.pop(plain, None)
        for plain, waiting in tuple(self._waiting.items()):
            if id(waiting) not in kept:
                del self._waiting[plain]

    def begin_anew(self, cohorts: Sequence[Cohort]) -> list[Cohort]:
        """Begin forms anew for those who wait, where it costs no more than their wait.

        To begin anew, all in step pay about what each who waits pays for every batch. So it is
        done once they have paid as much: whatever comes, nobody pays more than twice the least.

        Returns:
            Those of `cohorts`, which are all there are, whose readers can join others now.
        """
        can_join: list[Cohort] = []
        for plain, waiting in self._waiting.items():
            who_wait = [cohort for cohort in cohorts if cohort.form is waiting]
            own = self._in_step.get(plain)
            in_step = 0
            if own is not None and not own.is_fresh:
                in_step = sum(len(cohort) for cohort in cohorts if cohort.form is own)
            paid = self._paid.get(plain, 0) + sum(map(len, who_wait))
            if paid < in_step:
                self._paid[plain] = paid
                continue
            self._paid.pop(plain, None)
            if own is not None:
                own.renew()
            can_join += who_wait
        return can_join
