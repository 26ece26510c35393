"""What a declaration must keep when it speaks of fairness."""

from collections.abc import Iterator

from bedside.core.records.declaration import Declaration, Fairness, Signal
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.training_rules import ColumnsOf
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["fairness_feature_mistakes", "fairness_mistakes"]

OF_ROWS = ("reweighing", "reductions")
OF_ANSWERS = ("thresholds_by_group", "recalibration_by_group")
TELLS_LEVEL = ("last", "last_is")  # aggregates by which a model knows a subject's level
GAP = "_gap"


def fairness_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule of it that the declaration breaks, but for those about features."""
    for index, gate in enumerate(declaration.gates):
        if gate.metric.endswith(GAP) and gate.subgroup is None:
            yield Mistake(
                ("gates", index),
                f"'{gate.metric}' is between the levels of a subgroup, and none is named",
                "add subgroup: one of evaluation.subgroups",
            )
    fairness = declaration.fairness
    if fairness is None:
        return
    group = declaration.evaluation.subgroups.get(fairness.subgroup)
    if group is None:
        yield Mistake(
            ("fairness", "subgroup"),
            f"'{fairness.subgroup}' is not a declared subgroup",
            nearest(fairness.subgroup, declaration.evaluation.subgroups),
        )
        return
    signal = declaration.signals.get(group.signal)
    if signal is not None and not signal.is_categorical and not group.edges:
        yield Mistake(
            ("fairness", "subgroup"),
            f"'{fairness.subgroup}' has one level only, for it is a number without bands",
            f"add edges: to evaluation.subgroups.{fairness.subgroup}",
        )
    yield from _mitigation(declaration, fairness, signal)


def fairness_feature_mistakes(declaration: Declaration, columns_of: ColumnsOf) -> Iterator[Mistake]:
    """Whether the model can know the level, where its answer is to depend on it.

    Args:
        declaration: Its other rules are kept.
        columns_of: The features that it makes; asked only where it matters.
    """
    fairness = declaration.fairness
    if fairness is None or fairness.mitigation not in OF_ANSWERS:
        return
    name = declaration.evaluation.subgroups[fairness.subgroup].signal
    if not any(
        column.signal == name and column.aggregate in TELLS_LEVEL
        for column in columns_of(declaration)
    ):
        yield Mistake(
            ("fairness", "mitigation"),
            f"whoever answers cannot know the level, for the model does not see '{name}'",
            f"add a feature rule with signals: [{name}] and aggregates: [last], or use "
            f"{' or '.join(OF_ROWS)}",
        )


def _mitigation(
    declaration: Declaration, fairness: Fairness, signal: Signal | None
) -> Iterator[Mistake]:
    means = fairness.mitigation
    path = ("fairness", "mitigation")
    if means == "none":
        return
    if declaration.question.outcome.kind != "binary":
        yield Mistake(
            path,
            f"{means} is here for yes-or-no outcomes only",
            "give none, which measures and changes nothing",
        )
    if means in OF_ANSWERS and signal is not None and not signal.is_categorical:
        yield Mistake(
            path,
            f"{means} needs a level that is a category, and bands of a number are none",
            f"give a subgroup of a categorical signal, or use {' or '.join(OF_ROWS)}",
        )
    if means in OF_ROWS and declaration.augmentation:
        yield Mistake(
            path,
            f"{means} weighs the training rows as they are, and some are to be made",
            "remove augmentation, or use another mitigation",
        )
    if means == "reductions" and declaration.learner.positive_weight != 1:
        yield Mistake(
            path,
            "reductions set every row's weight themselves",
            "remove learner.positive_weight, or use another mitigation",
        )
