"""What kind of thing comes true: yes or no, one of several, a number, or an event in its time."""

from dataclasses import dataclass
from typing import Literal, get_args

from bedside.core.clock import days_of

__all__ = ["OUTCOME_KINDS", "Outcome", "OutcomeKind", "at_horizon"]

_AT = "_at_"

OutcomeKind = Literal["binary", "multiclass", "ordinal", "regression", "survival"]
OUTCOME_KINDS: tuple[OutcomeKind, ...] = get_args(OutcomeKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a model predicts of the event that its question asks for.

    `binary`: whether it comes true. `survival`: how likely it is to have come true by each of the
    `horizons` (durations, ascending), with whoever is censored before counted as far as they were
    followed; the last horizon is the one that alerts, and the question needs a `time_at_risk`.
    `multiclass` and `ordinal`: which of the `levels` the event's text names, in this order; the
    first level is the one that calls for nothing. `regression`: the event's value, in the unit of
    its signal.
    """

    kind: OutcomeKind = "binary"
    levels: tuple[str, ...] = ()
    horizons: tuple[str, ...] = ()

    @property
    def horizon_days(self) -> tuple[float, ...]:
        """The horizons in days.

        Raises:
            Invalid: one of them is no duration.

        >>> Outcome(kind="survival", horizons=("365 d", "1096 d")).horizon_days
        (365.0, 1096.0)
        """
        return tuple(days_of(one) for one in self.horizons)


def at_horizon(name: str, days: float) -> str:
    """The name of a figure at a horizon that is not the last.

    >>> at_horizon("auroc", 365.0)
    'auroc_at_365_days'
    """
    return f"{name}{_AT}{days:g}_days"
