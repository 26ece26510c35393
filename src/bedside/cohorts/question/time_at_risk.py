"""The first of the outcome, a competing event and the end of follow-up after each row."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.cohorts.question.entries import NEVER, Bools, Ints
from bedside.cohorts.question.predicates import Shard
from bedside.cohorts.question.prediction_times import microseconds
from bedside.core.records.question import TimeAtRisk

__all__ = ["FollowUp", "follow_up"]

HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What came first after each prediction time; microseconds since 1970 UTC, shape (rows,).

    Args:
        prediction: The prediction time.
        start: The span begins after it.
        end: The span's last moment.
        outcome: First after the prediction time, or NEVER.
        competing: First after the prediction time, or NEVER.
        censored: First after the prediction time, or NEVER.
    """

    prediction: Ints
    start: Ints
    end: Ints
    outcome: Ints
    competing: Ints
    censored: Ints

    def too_early(self) -> Bools:
        """Rows whose outcome comes after the prediction time but before the span begins."""
        return self.outcome <= self.start

    def taken(self, rows: Ints | Bools) -> "FollowUp":
        """Only these rows."""
        return FollowUp(
            prediction=self.prediction[rows],
            start=self.start[rows],
            end=self.end[rows],
            outcome=self.outcome[rows],
            competing=self.competing[rows],
            censored=self.censored[rows],
        )

    def judged(
        self, data_end: int, settles: int
    ) -> tuple[Bools, Bools, Ints, npt.NDArray[np.float64]]:
        """The label, whether it is known, the event (0, 1, 2), and hours until what came first.

        Args:
            data_end: Microseconds since 1970 UTC.
            settles: Microseconds.
        """
        first = (self.outcome <= self.competing) & (self.outcome <= self.censored)
        positive = (self.outcome > self.start) & (self.outcome <= self.end) & first
        competed = (self.competing <= self.end) & (self.competing <= self.censored) & ~positive
        watched = self.end + settles <= np.minimum(self.censored, data_end)
        event = competed.astype(np.int64) * 2 + positive
        until = np.minimum(np.minimum(self.censored, data_end), self.end)
        until[positive] = self.outcome[positive]
        until[competed] = self.competing[competed]
        until -= self.prediction
        hours = np.maximum(until, 0, out=until) / HOUR
        return positive, positive | competed | watched, event, hours


def follow_up(shard: Shard, risk: TimeAtRisk, subject: Ints, prediction: Ints) -> FollowUp:
    """What comes first after each prediction time; events count by when they happened."""

    def first(names: tuple[str, ...]) -> Ints:
        times = [shard.moments(name).after(subject, prediction) for name in names]
        if not times:
            return np.full(len(subject), NEVER)
        soonest: Ints = np.minimum.reduce(times) if len(times) > 1 else times[0]
        return soonest

    return FollowUp(
        prediction=prediction,
        start=prediction + microseconds(risk.start),
        end=prediction + microseconds(risk.end),
        outcome=first((risk.outcome,)),
        competing=first(risk.competing),
        censored=first(risk.censored_by),
    )
