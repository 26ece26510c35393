"""What the rollout of a declaration must keep: who sees a canary, live gates, and guards."""

from collections.abc import Iterator
from typing import Any

from bedside.core.clock import days_of, parse_duration
from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration
from bedside.core.records.outcome import at_horizon
from bedside.core.records.rollout import (
    HORIZON_COUNTS,
    LIVE_COUNTS,
    LIVE_LATENCIES,
    LIVE_RATES,
    Guard,
    LiveGate,
    horizon_of,
)
from bedside.core.records.version import SHOWN
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["live_metrics", "rollout_mistakes"]

_OF_ITSELF = (*LIVE_COUNTS, *LIVE_RATES, *LIVE_LATENCIES)
_OVER_TIME = frozenset(
    {"normalised_utility", "alerts_per_100_patient_days", "subjects_alerted_share",
     "subject_sensitivity", "event_sensitivity", "median_lead_hours", "alerts_per_patient_day",
     "false_alerts_per_patient_day", "alert_ppv", "alerts_per_true_alert", "late_alert_share"}
)  # fmt: skip
"""What needs every hour of a stay, and not only those in which somebody asked."""

_CURVE = "integrated_brier"


def live_metrics(declaration: Declaration, metrics: frozenset[str]) -> frozenset[str]:
    """What live answers can tell: of the metrics of the evaluation, those of single answers.

    Gaps between subgroups, and figures over time, are the evaluation's alone. Of a time until an
    event so is the integrated Brier score, which needs the curve between the horizons.

    Args:
        declaration: Its outcome.
        metrics: What its evaluation computes.
    """
    plain = {one for one in metrics if not one.endswith("_gap")} - _OVER_TIME - {_CURVE}
    return frozenset(plain | set(_OF_ITSELF) | set(_counts(declaration)))


def _counts(declaration: Declaration) -> Iterator[str]:
    """What is counted at each horizon."""
    *earlier, last = _horizons(declaration) or (None,)
    if last is not None:
        yield from HORIZON_COUNTS
    for name in HORIZON_COUNTS:
        yield from (at_horizon(name, day) for day in earlier if day is not None)


def _horizons(declaration: Declaration) -> tuple[float, ...]:
    outcome = declaration.question.outcome
    return outcome.horizon_days if outcome.kind == "survival" else ()


def rollout_mistakes(declaration: Declaration, metrics: frozenset[str]) -> Iterator[Mistake]:
    """Every rule of the rollout that the declaration breaks; `metrics` are those computed."""
    rollout, known = declaration.rollout, live_metrics(declaration, metrics)
    if not 0 <= rollout.canary.share <= 1:
        yield Mistake(
            ("rollout", "canary", "share"),
            f"{rollout.canary.share:g} is no share of the patients",
            "give a number from 0 to 1, such as 0.1",
        )
    if not rollout.canary.share and not rollout.canary.wards:
        yield Mistake(
            ("rollout", "canary"), "nobody would see the canary", "give a share, or name wards"
        )
    for index, gate in enumerate(rollout.gates):
        path = ("rollout", "gates", index)
        yield from _bound(gate, path, known)
        groups = declaration.evaluation.subgroups
        if gate.subgroup is not None and gate.subgroup not in groups:
            yield Mistake(
                (*path, "subgroup"),
                f"'{gate.subgroup}' is not a declared subgroup",
                nearest(gate.subgroup, groups),
            )
        if not gate.stages or not set(gate.stages) <= set(SHOWN):
            yield Mistake(
                (*path, "stages"),
                "live gates stand before canary and live alone",
                "write [canary], [live], or leave it out for both",
            )
    for index, guard in enumerate(rollout.guards):
        path = ("rollout", "guards", index)
        yield from _guard(guard, path, known)
        yield from _too_early(guard, path, _horizons(declaration))


def _too_early(
    guard: Guard, path: tuple[Any, ...], horizons: tuple[float, ...]
) -> Iterator[Mistake]:
    """Of answers that are younger than a horizon, nobody was followed to it."""
    day = horizon_of(guard.metric, horizons)
    try:
        back = days_of(guard.over)
    except Invalid:
        return  # told already
    if day is not None and 0 < back <= day:
        yield Mistake(
            (*path, "over"),
            f"of answers of the last {guard.over}, nobody was followed to {day:g} days yet",
            f"look back further than the horizon, such as {2 * day:g} d",
        )


def _guard(guard: Guard, path: tuple[Any, ...], known: frozenset[str]) -> Iterator[Mistake]:
    yield from _bound(guard, path, known)
    if guard.minimum < 1:
        yield Mistake(
            (*path, "minimum"),
            "a guard that needs no answer judges nothing",
            "give the answers that there must be, such as 50",
        )
    try:
        too_short = parse_duration(guard.over).total_seconds() <= 0
    except Invalid as error:
        yield Mistake((*path, "over"), error.problem.rstrip("."), error.fix.rstrip("."))
        return
    if too_short:
        yield Mistake((*path, "over"), "this looks back at nothing", "give a time such as 1 h")


def _bound(
    bound: LiveGate | Guard, path: tuple[Any, ...], known: frozenset[str]
) -> Iterator[Mistake]:
    if bound.metric not in known:
        yield Mistake(
            (*path, "metric"),
            f"'{bound.metric}' is not told by live answers",
            nearest(bound.metric, known),
        )
    if bound.at_least is None and bound.at_most is None:
        yield Mistake(path, "there is no bound", "give at_least or at_most")
