"""Numbers as people read them."""

from __future__ import annotations

from .outcome import Verdict

_SHARES = {"server_cpu", "load_cpu", "worker_cpu", "idle_cpu", "kept", "kept_cpu"}


def shown(name: str, value: float | None) -> str:
    """One figure, in its unit, to about three digits."""
    if value is None:
        return "-"
    if name in _SHARES:
        return f"{value * 100:.0f} %"
    if name == "faults" or value == 0:
        return f"{value:.0f}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def bound(verdict: Verdict) -> str:
    """The requirement: at least so many times something, or at most so much."""
    sign = "≥" if verdict.at_least else "≤"
    times = " \N{MULTIPLICATION SIGN}" if verdict.says.startswith("of ") else ""
    says = verdict.says.removeprefix("of ")
    return f"{sign} {verdict.factor:,g}{times} {says}"


def reached(verdict: Verdict) -> str:
    return "not measured" if verdict.value is None else _short(verdict.value)


def per_cpu(verdict: Verdict) -> str:
    return "" if verdict.per_cpu is None else _short(verdict.per_cpu)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def word(verdict: Verdict) -> str:
    return {True: "met", False: "not met", None: "-"}[verdict.met]
