"""What the evaluation plan and the gates of a declaration must keep."""

from collections.abc import Iterator

from bedside.core.records.declaration import Declaration
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.split_rules import split_mistakes
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["evaluation_mistakes", "gate_mistakes"]


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
        if gate.subgroup is not None and gate.subgroup not in declaration.evaluation.subgroups:
            yield Mistake(
                (*path, "subgroup"),
                f"'{gate.subgroup}' is not a declared subgroup",
                nearest(gate.subgroup, declaration.evaluation.subgroups),
            )
