"""What a declaration must keep of the learners that are installed."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from bedside.core.errors import NotFound
from bedside.core.records.declaration import Declaration, Learner
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.training_rules import Column, ColumnsOf
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["LearnerFacts", "LearnerOf", "learner_mistakes"]

ENSEMBLE = "ensemble"
FEWEST_MEMBERS = 2
MOST_ROUNDS = 100_000
MOST_THREADS = 1024
MOST_SEED = 2**31 - 1


class LearnerFacts(Protocol):
    """What the rules ask of a learner."""

    @property
    def outcomes(self) -> Collection[str]:
        """The kinds of outcome that it can learn."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters that it takes."""
        ...

    @property
    def takes_monotone(self) -> bool:
        """Whether it obeys monotone constraints."""
        ...


LearnerOf = Callable[[str], LearnerFacts]
"""The learner of a name; raises NotFound, with the known names in its fix, where there is none."""


def learner_mistakes(
    declaration: Declaration, learner_of: LearnerOf, columns_of: ColumnsOf | None = None
) -> Iterator[Mistake]:
    """Every rule of the learner that the declaration breaks.

    Args:
        declaration: Its other rules are kept.
        learner_of: The installed learners.
        columns_of: The features that it makes; without it, names under monotone are not checked.
    """
    options, outcome = declaration.learner, declaration.question.outcome.kind
    yield from _learner(options, ("learner",), outcome, learner_of)
    yield from _members(options, outcome, learner_of)
    if outcome != "binary":
        yield from _not_binary(declaration, outcome)
    if outcome == "multiclass" and options.monotone:
        yield Mistake(
            ("learner", "monotone"),
            "levels without an order have no direction",
            "remove it, or make the outcome ordinal",
        )
    if columns_of is not None and options.monotone:
        yield from _monotone(declaration, columns_of(declaration))


def _learner(
    options: Learner, path: tuple[Any, ...], outcome: str, learner_of: LearnerOf
) -> Iterator[Mistake]:
    """What is wrong with one learner by itself."""
    try:
        learner = learner_of(options.kind)
    except NotFound as error:
        yield Mistake((*path, "kind"), error.problem, error.fix.rstrip("."))
        return
    if outcome not in learner.outcomes:
        yield Mistake(
            (*path, "kind"),
            f"{options.kind} does not learn an outcome that is {outcome}",
            f"it learns: {', '.join(sorted(learner.outcomes))}",
        )
    for key in options.parameters:
        if key not in learner.parameters:
            yield Mistake(
                (*path, "parameters", key),
                f"unknown parameter '{key}'",
                nearest(key, learner.parameters),
            )
    if options.monotone and not learner.takes_monotone:
        yield Mistake(
            (*path, "monotone"),
            f"{options.kind} cannot be held to one direction",
            "remove it, or use another learner, e.g. lightgbm or ebm",
        )
    yield from _bounds(options, path)


def _bounds(options: Learner, path: tuple[Any, ...]) -> Iterator[Mistake]:
    for key, low, high in (
        ("rounds", 1, MOST_ROUNDS),
        ("early_stopping", 0, options.rounds),
        ("threads", 1, MOST_THREADS),
        ("seed", 0, MOST_SEED),
    ):
        if not low <= getattr(options, key) <= high:
            yield Mistake((*path, key), f"{key} is out of bounds", f"give {low} to {high}")
    weight = options.positive_weight
    if not math.isfinite(weight) or weight <= 0:
        yield Mistake((*path, "positive_weight"), "the weight is out of bounds", "give more than 0")


def _members(options: Learner, outcome: str, learner_of: LearnerOf) -> Iterator[Mistake]:
    if options.kind != ENSEMBLE:
        if options.members:
            yield Mistake(
                ("learner", "members"), "only an ensemble has members", f"write kind: {ENSEMBLE}"
            )
        return
    if len(options.members) < FEWEST_MEMBERS:
        yield Mistake(
            ("learner", "members"), "an ensemble of fewer than two", "name two learners or more"
        )
    if options.positive_weight != 1.0:
        yield Mistake(
            ("learner", "positive_weight"),
            "an ensemble weighs no rows itself",
            "give it to its members",
        )
    plain = Learner()
    for index, member in enumerate(options.members):
        path = ("learner", "members", index)
        if member.kind == ENSEMBLE:
            yield Mistake((*path, "kind"), "an ensemble inside an ensemble", "name its members")
            continue
        yield from _learner(member, path, outcome, learner_of)
        for key in ("baseline", "calibration", "members", "monotone", "tuning"):
            if getattr(member, key) != getattr(plain, key):
                yield Mistake(
                    (*path, key),
                    f"{key} is of the whole ensemble, not of a member",
                    "remove it here",
                )
        yield from _directed(options, member, path, learner_of)


def _directed(
    options: Learner, member: Learner, path: tuple[Any, ...], learner_of: LearnerOf
) -> Iterator[Mistake]:
    """The ensemble's directions hold of each member."""
    try:
        obeys = learner_of(member.kind).takes_monotone
    except NotFound:
        return
    if options.monotone and not obeys:
        yield Mistake(
            (*path, "kind"),
            f"{member.kind} cannot be held to one direction, which the ensemble asks for",
            "remove monotone, or this member",
        )


def _not_binary(declaration: Declaration, outcome: str) -> Iterator[Mistake]:
    """What only a yes or no can have."""
    options = declaration.learner
    if options.calibration not in ("none", "platt"):
        yield Mistake(
            ("learner", "calibration"),
            f"{options.calibration} calibrates the risk of a yes or no, and the outcome is "
            f"{outcome}",
            "use platt or none",
        )
    for path, one in (
        (("learner",), options),
        *((("learner", "members", at), one) for at, one in enumerate(options.members)),
    ):
        if one.positive_weight != 1.0:
            yield Mistake(
                (*path, "positive_weight"),
                f"no row is positive where the outcome is {outcome}",
                "remove it",
            )
    if declaration.augmentation:
        yield Mistake(
            ("augmentation",),
            f"training rows are made up for a yes or no alone, and the outcome is {outcome}",
            "remove it",
        )


def _monotone(declaration: Declaration, columns: Sequence[Column]) -> Iterator[Mistake]:
    named = {column.name for column in columns} | {
        column.signal for column in columns if column.signal
    }
    for name in declaration.learner.monotone:
        path = ("learner", "monotone", name)
        about = [column for column in columns if name in (column.name, column.signal)]
        if not about:
            yield Mistake(
                path, f"no feature is made that this speaks of: '{name}'", nearest(name, named)
            )
        elif any(column.labels for column in about):
            yield Mistake(path, f"'{name}' is a category, which has no direction", "remove it")
