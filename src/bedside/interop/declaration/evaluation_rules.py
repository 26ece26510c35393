"""What the evaluation plan and the gates of a declaration must keep."""

from collections.abc import Iterator

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.core.records.declaration import Alerts, Declaration
from bedside.core.records.evidence import JOINT, SUPPRESS_AT_OR_BELOW
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.split_rules import split_mistakes
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["evaluation_mistakes", "gate_mistakes"]

RESAMPLES = (100, 20_000)
"""The fewest and the most that a declaration may ask for."""


def evaluation_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule of the evaluation plan that the declaration breaks."""
    evaluation = declaration.evaluation
    split, threshold = evaluation.split, evaluation.threshold
    shares = (split.train, split.tuning, split.held_out)
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        yield Mistake(
            ("evaluation", "split"),
            "the shares do not add up to 1",
            "make train + tuning + held_out = 1",
        )
    given = [threshold.value, threshold.sensitivity, threshold.maximise]
    needed = declaration.question.outcome.kind == "binary"
    chosen = sum(choice is not None for choice in given)
    if chosen > 1 or (needed and chosen == 0):
        yield Mistake(
            ("evaluation", "threshold"),
            "not exactly one way to choose the threshold",
            "give one of value, sensitivity, maximise",
        )
    chosen_by_label = threshold.sensitivity is not None or threshold.maximise is not None
    if chosen_by_label and declaration.question.outcome.kind in ("survival", "regression"):
        yield Mistake(
            ("evaluation", "threshold"),
            "a time or a number has no yes and no to choose a threshold by",
            "give threshold: {value: …}, or leave it out: then nothing alerts",
        )
    if threshold.maximise == "normalised_utility" and evaluation.utility is None:
        yield Mistake(
            ("evaluation", "threshold", "maximise"),
            "no utility is declared",
            "add utility: physionet_2019",
        )
    yield from split_mistakes(declaration)
    for name, group in evaluation.subgroups.items():
        if group.signal not in declaration.signals:
            yield Mistake(
                ("evaluation", "subgroups", name, "signal"),
                f"'{group.signal}' is not a signal",
                nearest(group.signal, declaration.signals),
            )
    yield from _sureness(declaration)
    yield from _intersections(declaration)
    yield from _alerts(declaration)


def _sureness(declaration: Declaration) -> Iterator[Mistake]:
    """How many resamples, and how small a subgroup may be."""
    evaluation = declaration.evaluation
    fewest, most = RESAMPLES
    if not fewest <= evaluation.bootstrap <= most:
        yield Mistake(
            ("evaluation", "bootstrap"),
            f"{evaluation.bootstrap} resamples give no sure interval, or take too long",
            f"give a number from {fewest} to {most}",
        )
    if evaluation.minimum_subgroup <= SUPPRESS_AT_OR_BELOW:
        yield Mistake(
            ("evaluation", "minimum_subgroup"),
            f"levels with {SUPPRESS_AT_OR_BELOW} subjects or fewer are never shown",
            f"give at least {SUPPRESS_AT_OR_BELOW + 1}",
        )


def _intersections(declaration: Declaration) -> Iterator[Mistake]:
    """Two different declared subgroups each, no pair twice."""
    declared = declaration.evaluation.subgroups
    for name in declared:
        if JOINT.strip() in name:
            yield Mistake(
                ("evaluation", "subgroups", name),
                f"a name with '{JOINT.strip()}' is that of an intersection",
                "use another name",
            )
    seen: set[frozenset[str]] = set()
    for index, pair in enumerate(declaration.evaluation.intersections):
        path = ("evaluation", "intersections", index)
        for name in pair:
            if name not in declared:
                yield Mistake(path, f"'{name}' is not a declared subgroup", nearest(name, declared))
        if len(pair) != 2 or len(set(pair)) != 2:
            yield Mistake(path, "not two different subgroups", "name two of evaluation.subgroups")
        elif frozenset(pair) in seen:
            yield Mistake(path, "this pair stands here twice", "remove one of them")
        seen.add(frozenset(pair))


def _alerts(declaration: Declaration) -> Iterator[Mistake]:
    """Durations that can be read, a capacity, beds, and alerts that are counted by the day."""
    evaluation, alerts = declaration.evaluation, declaration.evaluation.alerts
    path = ("evaluation", "alerts")
    if alerts == Alerts():
        return
    if evaluation.burden_per != "day":
        yield Mistake(path, "alerts are not counted by the day", "add burden_per: day")
    if declaration.question.outcome.kind != "binary":
        yield Mistake(
            path,
            "alerts over time are counted for yes-or-no outcomes only",
            "remove it, or ask whether the event comes",
        )
    for name, text, shortest in (("lead", alerts.lead, "1 min"), ("snooze", alerts.snooze, "0 h")):
        try:
            right = parse_duration(text) >= parse_duration(shortest)
        except Invalid as error:
            yield Mistake((*path, name), error.problem.rstrip("."), error.fix.rstrip("."))
            continue
        if not right:
            yield Mistake((*path, name), f"'{text}' is too short", f"give at least {shortest}")
    if alerts.capacity is not None and alerts.capacity <= 0:
        yield Mistake(
            (*path, "capacity"), "there is no capacity", "give the alerts that 24 h have staff for"
        )
    if alerts.beds < 1:
        yield Mistake((*path, "beds"), "there are no beds", "give at least 1")


def gate_mistakes(declaration: Declaration, metrics: frozenset[str]) -> Iterator[Mistake]:
    """Every rule of the gates that the declaration breaks; `metrics` are those computed."""
    for index, gate in enumerate(declaration.gates):
        path = ("gates", index)
        if gate.metric not in metrics:
            yield Mistake(
                (*path, "metric"),
                f"'{gate.metric}' is not computed",
                nearest(gate.metric, metrics),
            )
        if (gate.at_least is None) == (gate.at_most is None):
            yield Mistake(path, "a gate needs one bound", "give at_least or at_most")
        groups = list(declaration.evaluation.subgroups)
        if not gate.metric.endswith("_gap"):  # which is of one subgroup only
            groups += [JOINT.join(pair) for pair in declaration.evaluation.intersections]
        if gate.subgroup is not None and gate.subgroup not in groups:
            yield Mistake(
                (*path, "subgroup"),
                f"'{gate.subgroup}' is not a declared subgroup",
                nearest(gate.subgroup, groups),
            )
