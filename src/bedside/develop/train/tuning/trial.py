"""One trial of tuning: its parameters, and its loss in each fold that it came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Parameters", "Trial", "best_of", "value_of"]

Parameters = Mapping[str, float | int | bool | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was tried. `losses` are by fold; one that was pruned has fewer than there are folds."""

    number: int
    parameters: Parameters
    losses: tuple[float, ...] = ()
    pruned: bool = False

    def as_json(self) -> dict[str, Any]:
        """`{"number", "parameters", "losses", "value", "pruned"}`."""
        return {
            "number": self.number,
            "parameters": dict(self.parameters),
            "losses": list(self.losses),
            "value": value_of(self.losses),
            "pruned": self.pruned,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Trial":
        """The trial again."""
        return cls(
            number=told["number"],
            parameters=told["parameters"],
            losses=tuple(told["losses"]),
            pruned=told["pruned"],
        )


def value_of(losses: Sequence[float]) -> float:
    """The mean loss, to ten significant digits.

    >>> value_of([0.1, 0.3])
    0.2
    """
    return float(f"{np.mean(losses):.10g}")


def best_of(trials: Sequence[Trial]) -> Trial:
    """The whole trial with the least loss; of equals, the first."""
    whole = [trial for trial in trials if not trial.pruned]
    return min(whole, key=lambda trial: (value_of(trial.losses), trial.number))
