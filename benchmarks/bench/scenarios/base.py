"""What a scenario is: servers, a measurement, and what it must show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..arena import Arena
from ..outcome import Figures, Requirement


@dataclass(frozen=True)
class Plan:
    """How long and how often.

    Attributes:
        runs: of every scenario against every server, in turn: A B A B.
        seconds: of one measured window.
        most_readers: a scenario with more is scaled down to this.
    """

    runs: int = 5
    seconds: float = 3.0
    most_readers: int = 1_000_000

    def readers(self, wanted: int) -> int:
        return min(wanted, self.most_readers)


FULL = Plan()
QUICK = Plan(runs=2, seconds=1.0, most_readers=2000)
SMOKE = Plan(runs=1, seconds=0.3, most_readers=20)


class Scenario(Protocol):
    """One row of the table."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def servers(self) -> tuple[str, ...]: ...
    @property
    def requirements(self) -> tuple[Requirement, ...]: ...
    @property
    def columns(self) -> dict[str, str]:
        """The figures worth a column, and their headings."""

    def measure(self, arena: Arena, plan: Plan) -> Figures: ...
