"""What a declaration must keep when it speaks of tuning."""

import math
from collections.abc import Iterator
from typing import Any

from bedside.core.errors import NotFound
from bedside.core.records.declaration import Bounds, Declaration
from bedside.interop.declaration.learner_rules import LearnerOf
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["space_mistakes", "tuning_mistakes"]

PATH = ("learner", "tuning")
MOST_SEED = 2**31 - 1


def tuning_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule of it that the declaration breaks, but for the names of the space."""
    plan = declaration.learner.tuning
    if plan is None:
        return
    for key, low, high in (("trials", 2, 500), ("folds", 2, 10), ("seed", 0, MOST_SEED)):
        if not low <= getattr(plan, key) <= high:
            yield Mistake((*PATH, key), f"{key} is out of bounds", f"give {low} to {high}")
    for name, bounds in plan.space.items():
        yield from _bounds((*PATH, "space", name), bounds)


def _bounds(path: tuple[str, ...], bounds: Bounds) -> Iterator[Mistake]:
    ends = [end for end in (bounds.low, bounds.high) if end is not None]
    if bounds.choices:
        if ends or bounds.log or bounds.whole:
            yield Mistake(path, "both choices and a range", "keep either choices, or low and high")
        if len(set(bounds.choices)) < max(2, len(bounds.choices)):
            yield Mistake(
                (*path, "choices"), "there is nothing to choose", "give two or more, each once"
            )
        return
    if len(ends) < 2 or not all(map(math.isfinite, ends)):
        yield Mistake(path, "the range has no two ends", "give low and high, or choices")
        return
    low, high = ends
    if low >= high:
        yield Mistake(path, "the range is empty", "make low less than high")
    if bounds.log and low <= 0:
        yield Mistake((*path, "low"), "a logarithmic range begins above 0", "raise low, or no log")
    if bounds.whole and not (low.is_integer() and high.is_integer()):
        yield Mistake(path, "a range of whole numbers has broken ends", "give whole numbers")


def space_mistakes(declaration: Declaration, learner_of: LearnerOf) -> Iterator[Mistake]:
    """Every name in the space that no tuned learner takes, and learners with nothing to tune.

    Args:
        declaration: Its other rules are kept.
        learner_of: The installed learners.
    """
    learner, plan = declaration.learner, declaration.learner.tuning
    if plan is None:
        return
    takes: dict[str, Any] = {}
    for one in learner.members or (learner,):
        try:
            told = learner_of(one.kind).parameters
        except NotFound:  # told by the rules of the learner
            return
        takes |= {name: takes.get(name) or bounds for name, bounds in told.items()}
    for name in plan.space:
        if name not in takes:
            yield Mistake(
                (*PATH, "space", name), f"unknown parameter '{name}'", nearest(name, takes)
            )
    if not plan.space and not any(bounds is not None for bounds in takes.values()):
        yield Mistake(PATH, f"{learner.kind} has nothing that is tuned by itself", "give a space")
