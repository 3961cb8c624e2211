"""Numbers by metric and labels, and how those of several processes are one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

from . import families as f

#: What a number is of: a metric's name, the part of it, the values of its labels. The part
#: is empty, or of a histogram ``sum``, or the number of one of `families.SECONDS`.
Key = tuple[str, str, tuple[str, ...]]

_SUM: Final = "sum"


class Numbers(dict[Key, float]):
    """What one process, or several as one, have counted."""

    def set(self, family: f.Family, value: float, *labels: str) -> None:
        """Say the one number of `family` with `labels`."""
        self[family.name, "", labels] = value

    def count(self, family: f.Family) -> None:
        """Count one more of `family`, which has no labels."""
        key = (family.name, "", ())
        self[key] = self.get(key, 0) + 1

    def set_histogram(self, family: f.Family, counts: Sequence[int], total: float) -> None:
        """Say how often each of `families.SECONDS` was seen, and longer; and the sum of all."""
        for number, count in enumerate(counts):
            self[family.name, str(number), ()] = count
        self[family.name, _SUM, ()] = total

    def add(self, other: Numbers) -> None:
        """Take the numbers of one more process; what nobody here knows is left out."""
        for key, value in other.items():
            family = f.BY_NAME.get(key[0])
            if family is None:  # of a process of another release
                continue
            mine = self.get(key)
            if mine is None:
                self[key] = value
            elif family.over == "sum":
                self[key] = mine + value
            else:
                self[key] = max(mine, value) if family.over == "max" else min(mine, value)

    def lasting(self) -> Numbers:
        """Those that are true also when the process has ended: what it has counted."""
        return Numbers(
            (key, value)
            for key, value in self.items()
            if (family := f.BY_NAME.get(key[0])) is not None and family.kind != "gauge"
        )

    def collect(self) -> Iterator[Metric]:
        """Yield them as the library shows them, in the order of `families.FAMILIES`."""
        by_name: dict[str, list[tuple[str, tuple[str, ...], float]]] = {}
        for (name, part, labels), value in self.items():
            by_name.setdefault(name, []).append((part, labels, value))
        for family in f.FAMILIES:
            if (found := by_name.get(family.name)) is not None:
                yield _metric(family, found)


def _metric(family: f.Family, found: list[tuple[str, tuple[str, ...], float]]) -> Metric:
    unit = next((unit for unit in ("seconds", "bytes", "ratio") if family.name.endswith(unit)), "")
    metric = Metric(family.name, family.help, family.kind, unit)
    if family.kind != "histogram":
        for _, values, value in sorted(found):
            labels = dict(zip(family.labels, values, strict=True))
            metric.add_sample(family.sample, labels, value)
        return metric
    parts = {part: value for part, _, value in found}
    seen = 0.0
    for number, bound in enumerate((*f.SECONDS, float("inf"))):
        seen += parts[str(number)]
        metric.add_sample(f"{family.name}_bucket", {"le": floatToGoString(bound)}, seen)
    metric.add_sample(f"{family.name}_count", {}, seen)
    metric.add_sample(f"{family.name}_sum", {}, parts[_SUM])
    return metric
