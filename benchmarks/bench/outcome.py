"""Figures, what they must reach, and whether they do."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import msgspec

#: What one run of one scenario against one server measured, by name.
Figures = dict[str, float]


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """A bound for a figure: absolute, or relative to another server in the same run.

    Attributes:
        says: the requirement in words.
        figure: the name of the figure.
        server: whose.
        factor: the bound; a multiple if `against` is given.
        against: the server it is compared with, or None.
        per_cpu: the same figure for a second of server CPU instead of the clock's.
        at_least: whether more is better.
    """

    says: str
    figure: str
    factor: float
    server: str = "streamer"
    against: str | None = None
    per_cpu: str | None = None
    at_least: bool = True


class Verdict(msgspec.Struct, frozen=True):
    """How a requirement came out.

    Attributes:
        value: the median over the runs; None if it could not be measured.
        per_cpu: the same for a second of server CPU: what else the machine does
            matters less to it.
    """

    says: str
    value: float | None
    factor: float
    at_least: bool
    per_cpu: float | None = None

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.factor if self.at_least else self.value <= self.factor


def judge(requirement: Requirement, runs: Sequence[Mapping[str, Figures]]) -> Verdict:
    """Compare within each run, then take the median: noise that both see falls out."""
    return Verdict(
        requirement.says,
        _median_of(requirement, requirement.figure, runs),
        requirement.factor,
        requirement.at_least,
        _median_of(requirement, requirement.per_cpu, runs) if requirement.per_cpu else None,
    )


def _median_of(
    requirement: Requirement, figure: str, runs: Sequence[Mapping[str, Figures]]
) -> float | None:
    values = []
    for run in runs:
        value = run.get(requirement.server, {}).get(figure)
        if value is None:
            continue
        if requirement.against is not None:
            other = run.get(requirement.against, {}).get(figure)
            if not other:
                continue
            value /= other
        values.append(value)
    return statistics.median(values) if values else None


def medians(runs: Sequence[Mapping[str, Figures]]) -> dict[str, Figures]:
    """The median of every figure of every server."""
    found: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        for server, figures in run.items():
            for name, value in figures.items():
                found.setdefault(server, {}).setdefault(name, []).append(value)
    return {
        server: {name: statistics.median(values) for name, values in figures.items()}
        for server, figures in found.items()
    }
