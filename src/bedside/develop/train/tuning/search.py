"""The search: trials asked for in batches, judged fold by fold, the hopeless ones pruned."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bedside.core.records.declaration import Bounds, Tuning
from bedside.develop.train.tuning.space import proposed
from bedside.develop.train.tuning.trial import Trial, best_of, value_of

__all__ = ["BATCH", "FEWEST_BEFORE", "Judge", "Search", "next_batch", "searched", "told_of"]

BATCH = 4
"""How many trials are asked for at once, whatever the number of workers, so that the number of
workers changes no trial."""

FEWEST_BEFORE = 4
"""No trial is pruned before so many others came as far."""

Judge = Callable[[Sequence[Trial], int], Sequence[float]]
"""From trials and a fold's number: the loss of each of them in that fold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is searched, and how."""

    space: Mapping[str, Bounds]
    plan: Tuning
    judge: Judge


def next_batch(search: Search, history: Sequence[Trial]) -> list[Trial]:
    """The trials after these, judged; the very first is the learner as it is declared.

    Args:
        search: What is searched.
        history: All trials before them.
    """
    plan, first = search.plan, len(history)
    count = min(BATCH, plan.trials - first)
    asked: list[Mapping[str, Any]] = [{}] if first == 0 else []
    if count > len(asked):
        asked += proposed(search.space, history, plan, count - len(asked))
    batch = [Trial(number=first + at, parameters=one) for at, one in enumerate(asked)]
    for fold in range(plan.folds):
        going = [trial for trial in batch if not trial.pruned]
        losses = search.judge(going, fold)
        judged = {
            trial.number: replace(trial, losses=(*trial.losses, loss))
            for trial, loss in zip(going, losses, strict=True)
        }
        batch = [judged.get(trial.number, trial) for trial in batch]
        if plan.prune and fold < plan.folds - 1:
            batch = [_pruned(trial, history, fold + 1) for trial in batch]
    return batch


def _pruned(trial: Trial, history: Sequence[Trial], folds: int) -> Trial:
    """Pruned where its mean loss of so many folds is above the median of all before it.

    The median of means over the same folds, for folds differ in how hard they are.
    """
    if trial.pruned or len(trial.losses) < folds:
        return trial
    before = [value_of(one.losses[:folds]) for one in history if len(one.losses) >= folds]
    if len(before) < FEWEST_BEFORE or value_of(trial.losses) <= np.median(before):
        return trial
    return replace(trial, pruned=True)


def searched(
    search: Search, batch: Callable[[Sequence[Trial]], Sequence[Trial]] | None = None
) -> list[Trial]:
    """Every trial.

    Args:
        search: What is searched.
        batch: Makes, or finds again, the batch after a history; `next_batch` when not given.
    """
    history: list[Trial] = []
    while len(history) < search.plan.trials:
        history += batch(history) if batch is not None else next_batch(search, history)
    return history


def told_of(search: Search, trials: Sequence[Trial]) -> dict[str, Any]:
    """`trials`, `best`, the `declared` learner's value and the `space`, for the evidence."""
    best = best_of(trials)
    return {
        "trials": [
            {name: part for name, part in trial.as_json().items() if name != "losses"}
            | {"folds": len(trial.losses)}
            for trial in trials
        ],
        "best": {
            "number": best.number,
            "parameters": dict(best.parameters),
            "value": value_of(best.losses),
        },
        "declared": value_of(trials[0].losses),
        "space": {
            name: {"choices": list(one.choices)}
            if one.choices
            else {"low": one.low, "high": one.high, "log": one.log, "whole": one.whole}
            for name, one in search.space.items()
        },
    }
