"""Who is at risk when an event happens: sums over risk sets, without a loop over rows."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.develop.train.matrix import Matrix

__all__ = ["RiskSets", "Ties", "censored_but", "followed", "risk_sets"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Ties = Literal["efron", "breslow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSets:
    """The rows in the order of their days, and the steps of the partial likelihood.

    Each event is one step. Of the d events of one day, step number l (from 0) takes l / d of them
    out of the risk set (Efron 1977); with Breslow's ties it takes none.

    Args:
        order: Shape (n,), the rows by day.
        weight: Shape (n,), in this order.
        day: Shape (g,), the days with an event.
        first: Shape (g,), the first row of each such day or after it.
        events: Shape (d,), the rows with the event, in this order.
        group: Shape (d,), on which of the g days.
        starts: Shape (g,), the first event of each day.
        out: Shape (d,), the share of the day's events that is out of the risk set.
        mean_weight: Shape (d,), of the day's events.
        reached: Shape (n,), how many of the g days each row was at risk on.
    """

    order: Ints
    weight: Floats
    day: Floats
    first: Ints
    events: Ints
    group: Ints
    starts: Ints
    out: Floats
    mean_weight: Floats
    reached: Ints

    def at_risk(self, values: Floats) -> Floats:
        """Sum over the rows at risk on each event day; shape (g, …) of rows of shape (n, …)."""
        between = np.add.reduceat(values, self.first, axis=0)
        return np.asarray(np.cumsum(between[::-1], axis=0)[::-1])

    def of_events(self, values: Floats) -> Floats:
        """Sum over the events of each event day; shape (g, …) of rows of shape (n, …)."""
        return np.asarray(np.add.reduceat(values[self.events], self.starts, axis=0))

    def over_days(self, at_events: Floats, out: Floats) -> Floats:
        """For each row, the sum of its steps; shape (n,).

        Args:
            at_events: Shape (d,), what each step gives to a row at risk.
            out: Shape (d,), what of it a row with an event on that day does not get.
        """
        until = np.concatenate([[0.0], np.cumsum(np.add.reduceat(at_events, self.starts))])
        total = until[self.reached]
        total[self.events] -= np.add.reduceat(out, self.starts)[self.group]
        return np.asarray(total)


def followed(train: Matrix) -> Floats:
    """The days of a survival outcome, shape (n,).

    Raises:
        Invalid: there are none, or one is no number from 0 up.
    """
    days = train.target
    if days is None or not (np.isfinite(days) & (days >= 0)).all():
        raise Invalid(
            "A row has no time until its event or its last follow-up.",
            fix="give every row a finite number of days from 0 up.",
            code="no_follow_up",
        )
    return days


def censored_but(train: Matrix, cause: int) -> Bools:
    """Which rows have this cause; any other one ends a row's follow-up, and so does no weight.

    Raises:
        Invalid: no row has it (code `empty_class`).
    """
    event = train.label == cause
    if train.weight is not None:
        event &= train.weight > 0
    if not event.any():
        word = "event" if cause == 1 else "competing event"
        raise Invalid(
            f"These rows have no {word}.",
            fix="bring more subjects, a longer time at risk, or another learner."
            if cause == 1
            else "use the learner `cox`, or name the competing events in the question.",
            code="empty_class",
        )
    return np.asarray(event)


def risk_sets(
    days: Floats, event: Bools, weight: Floats | None = None, *, ties: Ties = "efron"
) -> RiskSets:
    """The risk sets of these rows, of whom at least one has the event.

    Args:
        days: Shape (n,).
        event: Shape (n,).
        weight: Shape (n,); None: each row counts once. Weights of tied events are averaged, as R's
            `coxph` does, so that with Efron's ties a weight of two is nearly, not exactly, the
            row twice.
        ties: How events on the same day are dealt with.
    """
    order = np.lexsort((~event, days))
    days, event = days[order], event[order]
    counts = np.ones(len(days)) if weight is None else weight[order].astype(np.float64)
    events = np.flatnonzero(event)
    day, starts, group, size = np.unique(
        days[events], return_index=True, return_inverse=True, return_counts=True
    )
    number = np.arange(len(events)) - starts[group]
    return RiskSets(
        order=order,
        weight=counts,
        day=day,
        first=np.searchsorted(days, day, side="left"),
        events=events,
        group=group,
        starts=starts,
        out=number / size[group] if ties == "efron" else np.zeros(len(events)),
        mean_weight=(np.add.reduceat(counts[events], starts) / size)[group],
        reached=np.searchsorted(day, days, side="right"),
    )
