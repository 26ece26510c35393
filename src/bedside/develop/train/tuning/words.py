"""What tuning tried and chose, in words."""

from collections.abc import Mapping
from typing import Any

__all__ = ["tuning_lines"]


def tuning_lines(told: Mapping[str, Any] | None) -> list[str]:
    """One line for each learner that was tuned, of what the evidence's training part says.

    >>> best = {"number": 1, "parameters": {"C": 0.5}, "value": 0.3}
    >>> trials = [{"pruned": False}, {"pruned": False}, {"pruned": True}]
    >>> tuning_lines({"kind": "logistic", "loss": "log loss", "folds": 2, "trials": trials,
    ...     "best": best, "declared": 0.4})
    ['logistic: 3 trials in 2 folds, 1 given up early. Trial 2 has the least log loss, 0.3 (as \
declared: 0.4): C 0.5.']
    """
    if told is None:
        return []
    parts = told.get("members", [told])
    return [_line(part, told["loss"], told["folds"]) for part in parts]


def _line(part: Mapping[str, Any], loss: str, folds: int) -> str:
    trials, best = part["trials"], part["best"]
    if not trials:
        return f"{part['kind']}: nothing to tune."
    pruned = sum(one["pruned"] for one in trials)
    said = f"{part['kind']}: {len(trials)} trials in {folds} folds, {pruned} given up early."
    if not best["parameters"]:
        return f"{said} None has a lesser {loss} than the declared parameters, {best['value']:.4g}."
    chosen = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in sorted(best["parameters"].items())
    )
    return (
        f"{said} Trial {best['number'] + 1} has the least {loss}, {best['value']:.4g} (as "
        f"declared: {part['declared']:.4g}): {chosen}."
    )
