"""Whether a change lies inside the plan of the version before it: each bound and criterion judged.

Inside means: one planned modification covers everything that changed, and every bound and every
acceptance criterion of it is met. What is not known does not meet anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, TypeGuard

from bedside.core.clock import parse_duration, parse_instant
from bedside.core.records.change_control import (
    PARTS_THAT_CHANGE,
    ChangeLimit,
    ChangePlan,
    Modification,
)
from bedside.governance.changes.parts import Change, Side, changes_between

__all__ = ["Considered", "Criterion", "Standing", "Verdict", "verdict_of"]

Standing = Literal["inside", "outside", "described", "unplanned", "unchanged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One bound or acceptance criterion, and whether it is met; `text` says both in words."""

    of: Literal["bound", "gate", "comparison", "frequency"]
    met: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """One planned modification, held against what changed.

    Args:
        modification: Its id.
        uncovered: What changed and it does not cover, in words.
        criteria: Each of its bounds and acceptance criteria.
    """

    modification: str
    uncovered: tuple[str, ...]
    criteria: tuple[Criterion, ...]

    @property
    def is_inside(self) -> bool:
        """Whether it covers everything and all of it is met."""
        return not self.uncovered and all(one.met for one in self.criteria)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a plan says of a new version.

    `standing` is `inside` or `outside` of an executable plan; `described` where the plan is
    sentences only, which nothing can be judged by; `unplanned` where there is none; `unchanged`.

    Args:
        parent: The version whose plan counts: the one that was approved before the change.
        version: The new version.
        standing: See above.
        modification: The planned one it is, where it is inside.
        changes: Everything that is otherwise.
        considered: Each planned modification, the nearest first.
    """

    parent: str
    version: str
    standing: Standing
    modification: str | None
    changes: tuple[Change, ...]
    considered: tuple[Considered, ...]


def verdict_of(plan: ChangePlan | tuple[str, ...], parent: Side, new: Side) -> Verdict:
    """Hold what changed against the plan of the parent; a plan that the new one brings is nothing.

    Args:
        plan: The parent's.
        parent: The version before.
        new: The version after.
    """
    changes = changes_between(parent, new)
    considered: tuple[Considered, ...] = ()
    standing: Standing = "outside"
    if not changes:
        standing = "unchanged"
    elif not isinstance(plan, ChangePlan):
        standing = "described" if plan else "unplanned"
    else:
        all_of_them = [_considered(one, changes, parent, new) for one in plan.modifications]
        considered = tuple(sorted(all_of_them, key=_distance))
        if considered and considered[0].is_inside:
            standing = "inside"
    return Verdict(
        parent=parent.id,
        version=new.id,
        standing=standing,
        modification=considered[0].modification if standing == "inside" else None,
        changes=changes,
        considered=considered,
    )


def _distance(one: Considered) -> tuple[int, int]:
    return len(one.uncovered), sum(not criterion.met for criterion in one.criteria)


def _considered(
    one: Modification, changes: tuple[Change, ...], parent: Side, new: Side
) -> Considered:
    return Considered(
        modification=one.id,
        uncovered=tuple(change.text for change in changes if not _covers(one, change)),
        criteria=(
            *_often(one, parent, new),
            *_bounds(one, changes, parent, new),
            *_gates(one, new),
            *(_limit("comparison", x, parent, new) for x in one.protocol.evaluation.compare),
        ),
    )


def _covers(one: Modification, change: Change) -> bool:
    if change.part == "software":
        return one.bounds.other_software
    if change.part is None or change.part not in PARTS_THAT_CHANGE[one.kind]:
        return False
    return change.parameter is None or change.parameter in one.bounds.parameters


def _often(one: Modification, parent: Side, new: Side) -> Iterator[Criterion]:
    between = parse_instant(new.built_at) - parse_instant(parent.built_at)
    wanted = parse_duration(one.every_at_least)
    met = between >= wanted
    text = f"{_days(between.total_seconds())} after the one before, at least {one.every_at_least}"
    yield Criterion(of="frequency", met=met, text=f"built {text}")


def _bounds(
    one: Modification, changes: tuple[Change, ...], parent: Side, new: Side
) -> Iterator[Criterion]:
    bounds = one.bounds
    for limit in bounds.metrics:
        yield _limit("bound", limit, parent, new)
    if bounds.subjects_at_least is not None:
        many = _subjects(new.evidence)
        met = many is not None and many >= bounds.subjects_at_least
        told = "how many is not known" if many is None else f"{many:,}"
        text = f"subjects: {told}, at least {bounds.subjects_at_least:,}"
        yield Criterion(of="bound", met=met, text=text)
    if bounds.threshold is not None:
        yield _threshold(bounds.threshold, new)
    for change in changes:
        if change.parameter in bounds.parameters:
            low, high = bounds.parameters[str(change.parameter)]
            value = change.value
            number = isinstance(value, int | float) and not isinstance(value, bool)
            text = f"{change.parameter}: {value}, from {low:g} to {high:g}"
            yield Criterion(of="bound", met=number and low <= value <= high, text=text)
    if "features" in PARTS_THAT_CHANGE[one.kind]:
        yield from _features(one, parent, new)


def _features(one: Modification, parent: Side, new: Side) -> Iterator[Criterion]:
    before, after = set(parent.features), set(new.features)
    for what, moved, most in (
        ("added", after - before, one.bounds.add_features),
        ("removed", before - after, one.bounds.remove_features),
    ):
        text = f"features {what}: {len(moved)}, at most {most}"
        yield Criterion(of="bound", met=len(moved) <= most, text=text)


def _threshold(span: tuple[float, float], new: Side) -> Criterion:
    told = new.threshold or {}
    values = [told.get("value"), *(one.get("threshold") for one in told.get("groups", ()))]
    met = all(_is_number(value) and span[0] <= value <= span[1] for value in values)
    said = ", ".join(f"{value:.4g}" if _is_number(value) else "none" for value in values)
    text = f"alert threshold: {said}, from {span[0]:g} to {span[1]:g}"
    return Criterion(of="bound", met=met, text=text)


def _gates(one: Modification, new: Side) -> Iterator[Criterion]:
    for name in one.protocol.evaluation.gates:
        found = [gate for gate in new.gates if gate.metric == name]
        if not found:
            yield Criterion(of="gate", met=False, text=f"gate '{name}' was not judged")
        for gate in found:
            yield Criterion(of="gate", met=gate.passed, text=f"gate: {gate.text}")


def _limit(
    of: Literal["bound", "comparison"], limit: ChangeLimit, parent: Side, new: Side
) -> Criterion:
    if limit.subgroup is None:
        return _judged(of, limit, _figure(parent, limit), _figure(new, limit), limit.metric)
    before = _levels(parent, limit.subgroup)
    after = _levels(new, limit.subgroup)
    if not after:
        text = f"{limit.metric} of {limit.subgroup}: no level is shown"
        return Criterion(of=of, met=False, text=text)
    told = [
        _judged(
            of,
            limit,
            before.get(level, {}).get(limit.metric, {}),
            after.get(level, {}).get(limit.metric, {}),
            f"{limit.metric} of {limit.subgroup} {level or 'unknown'}",
        )
        for level in sorted({*before, *after})
    ]
    broken = [one for one in told if not one.met]
    if broken:
        return Criterion(of=of, met=False, text="; ".join(one.text for one in broken))
    text = f"{limit.metric} of every level of {limit.subgroup}: {_said(limit)}"
    return Criterion(of=of, met=True, text=text)


def _judged(
    of: Literal["bound", "comparison"],
    limit: ChangeLimit,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    what: str,
) -> Criterion:
    ended, old, now = after.get(limit.bound), before.get("estimate"), after.get("estimate")
    met = True
    if limit.at_least is not None:
        met = met and _is_number(ended) and ended >= limit.at_least
    if limit.at_most is not None:
        met = met and _is_number(ended) and ended <= limit.at_most
    if limit.falls_at_most is not None:
        met = met and _is_number(old) and _is_number(now) and old - now <= limit.falls_at_most
    if limit.rises_at_most is not None:
        met = met and _is_number(old) and _is_number(now) and now - old <= limit.rises_at_most
    text = f"{what}: {_three(old)}, then {_three(now)}; {_said(limit)}"
    return Criterion(of=of, met=bool(met), text=text)


def _said(limit: ChangeLimit) -> str:
    end = {"estimate": "", "low": "lower end ", "high": "upper end "}[limit.bound]
    told = [
        f"{words} {value:g}"
        for words, value in (
            (f"{end}at least", limit.at_least),
            (f"{end}at most", limit.at_most),
            ("may fall by", limit.falls_at_most),
            ("may rise by", limit.rises_at_most),
        )
        if value is not None
    ]
    return ", ".join(told)


def _figure(side: Side, limit: ChangeLimit) -> Mapping[str, Any]:
    found: Mapping[str, Any] = side.evidence.get("metrics", {}).get(limit.metric, {})
    return found


def _levels(side: Side, subgroup: str) -> dict[str, Mapping[str, Any]]:
    levels = side.evidence.get("subgroups", {}).get(subgroup, {})
    return {name: told["metrics"] for name, told in levels.items() if "metrics" in told}


def _subjects(evidence: Mapping[str, Any]) -> int | None:
    """How many subjects it was made of; None where a side's count is not shown."""
    counts = [side.get("subjects") for side in evidence.get("counts", {}).values()]
    whole = all(isinstance(one, int) and not isinstance(one, bool) for one in counts)
    return sum(counts) if counts and whole else None


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _three(value: Any) -> str:
    return f"{value:.3f}" if _is_number(value) else "no figure"


def _days(seconds: float) -> str:
    return f"{seconds / 86400:.1f} d"
