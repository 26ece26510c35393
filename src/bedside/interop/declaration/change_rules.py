"""What a plan of changes must keep, so that a version can be judged by it."""

from collections.abc import Iterator
from typing import Any

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.core.records.change_control import (
    PARTS_THAT_CHANGE,
    ChangeLimit,
    ChangePlan,
    Modification,
)
from bedside.core.records.declaration import Declaration
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["change_mistakes"]

Path = tuple[Any, ...]
_SAID = ("description", "rationale", "benefits")


def change_mistakes(declaration: Declaration, metrics: frozenset[str]) -> Iterator[Mistake]:
    """Every rule of the plan that the declaration breaks; a list of sentences breaks none."""
    plan = declaration.change_control
    if not isinstance(plan, ChangePlan):
        return
    at: Path = ("change_control", "modifications")
    if not plan.modifications:
        yield Mistake(at, "no change is planned", "describe one, or remove change_control")
    seen: set[str] = set()
    for index, one in enumerate(plan.modifications):
        path = (*at, index)
        if not one.id.strip() or one.id in seen:
            yield Mistake(
                (*path, "id"), "another modification has this id, or it is empty", "rename it"
            )
        seen.add(one.id)
        for key in _SAID:
            if not getattr(one, key).strip():
                yield Mistake((*path, key), "nothing is said here", "say it in a sentence")
        yield from _duration(one.every_at_least, (*path, "every_at_least"))
        yield from _bounds(declaration, one, (*path, "bounds"), metrics)
        yield from _protocol(declaration, one, (*path, "protocol"), metrics)
        known = [hazard.id for hazard in declaration.hazards]
        for place, name in enumerate(one.hazards):
            yield from _named(name, known, (*path, "hazards", place), "a hazard of this model")


def _bounds(
    declaration: Declaration, one: Modification, path: Path, metrics: frozenset[str]
) -> Iterator[Mistake]:
    bounds = one.bounds
    for index, limit in enumerate(bounds.metrics):
        yield from _limit(declaration, limit, (*path, "metrics", index), metrics)
    if not bounds.metrics and one.kind != "threshold":
        yield Mistake(
            path,
            "no range of performance is expected after it",
            "bound a metric, such as {metric: auroc, falls_at_most: 0.02}",
        )
    if bounds.subjects_at_least is not None and bounds.subjects_at_least < 1:
        yield Mistake((*path, "subjects_at_least"), "no subject is needed", "give 1 or more")
    if bounds.threshold is not None and bounds.threshold[0] > bounds.threshold[1]:
        yield Mistake((*path, "threshold"), "the range is empty", "write [lowest, highest]")
    if one.kind == "threshold" and bounds.threshold is None:
        yield Mistake(path, "the threshold may move anywhere", "give threshold: [lowest, highest]")
    yield from _of_another_kind(one, path)
    for name, (low, high) in bounds.parameters.items():
        if low > high:
            place = (*path, "parameters", name)
            yield Mistake(place, "the range is empty", "write [lowest, highest]")
    for key in ("add_features", "remove_features"):
        if getattr(bounds, key) < 0:
            yield Mistake((*path, key), "fewer than none", "give 0 or more")


def _of_another_kind(one: Modification, path: Path) -> Iterator[Mistake]:
    """What is bounded though a modification of this kind does not change it."""
    bounds, may = one.bounds, PARTS_THAT_CHANGE[one.kind]
    if bounds.parameters and "learner" not in may:
        yield Mistake(
            (*path, "parameters"), f"a {one.kind} changes no parameter", "write kind: learner"
        )
    if "learner" in may and not bounds.parameters:
        yield Mistake(path, "no parameter may change", "give parameters: {NAME: [lowest, highest]}")
    moved = bounds.add_features or bounds.remove_features
    if moved and "features" not in may:
        key = "add_features" if bounds.add_features else "remove_features"
        yield Mistake((*path, key), f"a {one.kind} changes no feature", "write kind: features")
    if "features" in may and not moved:
        yield Mistake(path, "no feature may change", "give add_features or remove_features")


def _limit(
    declaration: Declaration, limit: ChangeLimit, path: Path, metrics: frozenset[str]
) -> Iterator[Mistake]:
    single = {one for one in metrics if not one.endswith("_gap")}
    yield from _named(limit.metric, single, (*path, "metric"), "computed of single groups")
    bounds = (limit.at_least, limit.at_most, limit.falls_at_most, limit.rises_at_most)
    if all(bound is None for bound in bounds):
        yield Mistake(
            path, "there is no bound", "give at_least, at_most, falls_at_most or rises_at_most"
        )
    for key in ("falls_at_most", "rises_at_most"):
        value = getattr(limit, key)
        if value is not None and value < 0:
            yield Mistake((*path, key), "a change has no sign here", "give 0 or more")
    if limit.subgroup is not None:
        groups = declaration.evaluation.subgroups
        yield from _named(limit.subgroup, groups, (*path, "subgroup"), "a declared subgroup")


def _protocol(
    declaration: Declaration, one: Modification, path: Path, metrics: frozenset[str]
) -> Iterator[Mistake]:
    evaluation, update = one.protocol.evaluation, one.protocol.update
    for place, told in (
        (("data_management",), one.protocol.data_management),
        (("retraining",), one.protocol.retraining),
        (("evaluation", "plan"), evaluation.plan),
        (("evaluation", "failure"), evaluation.failure),
    ):
        if not told.strip():
            yield Mistake((*path, *place), "nothing is said here", "say it in a sentence")
    at = (*path, "evaluation", "gates")
    if not evaluation.gates:
        yield Mistake(at, "no gate must pass", "name the metrics of gates of this model")
    gates = [gate.metric for gate in declaration.gates]
    for index, name in enumerate(evaluation.gates):
        yield from _named(name, gates, (*at, index), "a gate of this model")
    for index, limit in enumerate(evaluation.compare):
        yield from _limit(declaration, limit, (*path, "evaluation", "compare", index), metrics)
    yield from _duration(update.silent_for, (*path, "update", "silent_for"))
    if not update.told:
        yield Mistake((*path, "update", "told"), "nobody is told", "name who is told")
    guards = [guard.metric for guard in declaration.rollout.guards]
    for index, name in enumerate(update.rollback):
        place = (*path, "update", "rollback", index)
        yield from _named(name, guards, place, "a guard of this model")


def _named(name: str, known: Any, path: Path, what: str) -> Iterator[Mistake]:
    if name not in known:
        fix = nearest(name, known) if known else "declare it first"
        yield Mistake(path, f"'{name}' is not {what}", fix)


def _duration(text: str, path: Path) -> Iterator[Mistake]:
    try:
        if parse_duration(text).total_seconds() < 0:
            yield Mistake(path, "the time is negative", "give a time such as 30 d")
    except Invalid as error:
        yield Mistake(path, error.problem.rstrip("."), error.fix.rstrip("."))
