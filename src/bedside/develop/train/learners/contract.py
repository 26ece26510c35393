"""What a learner is: rows in, a model as data out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bedside.core.records.declaration import Bounds
from bedside.core.records.declaration import Learner as Options
from bedside.core.records.outcome import Outcome
from bedside.develop.train.matrix import Matrix
from bedside.models.form import ModelForm

__all__ = ["Column", "Learner", "Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What a learner may know of one column.

    `categories` is how many there are where the value is a category's index, else 0. `monotone`
    is 1 where a greater value may only raise the prediction, -1 where it may only lower it.
    """

    name: str
    categories: int = 0
    monotone: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be learnt, beside the rows.

    Args:
        options: As declared: seed, threads, rounds, parameters.
        columns: One for each column of the rows.
        outcome: What kind of thing comes true.
        horizons: In days, of a survival outcome.
    """

    options: Options
    columns: tuple[Column, ...]
    outcome: Outcome = field(default_factory=Outcome)
    horizons: tuple[float, ...] = ()


class Learner(Protocol):
    """One way to learn.

    `outcomes` are the kinds of outcome that it can learn. `parameters` are the names it takes in
    `learner.parameters`, each with where tuning looks for it (None: it is not tuned by itself).
    `takes_monotone` is whether it obeys `Column.monotone`.
    """

    outcomes: frozenset[str]
    parameters: Mapping[str, Bounds | None]
    takes_monotone: bool

    def fit(self, train: Matrix, tuning: Matrix, plan: Plan) -> ModelForm:
        """Fit on `train`; `tuning` is for early stopping alone. The same rows give the same bytes.

        The form is not calibrated; it takes rows with gaps, whether the training rows have any
        or not.

        Raises:
            Invalid: there is nothing to learn from (an empty class, no feature that is measured),
                or a parameter is out of bounds.
        """
        ...
