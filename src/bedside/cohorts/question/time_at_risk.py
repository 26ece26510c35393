"""The first of the outcome, a competing event and the end of follow-up after each row."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.cohorts.question.entries import NEVER, Bools, Ints
from bedside.cohorts.question.predicates import Shard
from bedside.core.clock import HOUR, microseconds, parse_duration
from bedside.core.records.question import TimeAtRisk

__all__ = ["FollowUp", "follow_up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What came first after each prediction time; microseconds since 1970 UTC, shape (rows,).

    Args:
        prediction: The prediction time.
        start: The span begins after it.
        end: The span's last moment.
        outcome: First after the prediction time (for survival, or at it), or NEVER.
        competing: The same.
        censored: The same.
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

    def outcome_in_span(self) -> Ints:
        """When the outcome first comes, where that is in the span; else NEVER."""
        there = (self.outcome > self.start) & (self.outcome <= self.end)
        return np.where(there, self.outcome, NEVER)

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

    def followed(self, until: int) -> tuple[Ints, npt.NDArray[np.float64]]:
        """What ended each subject's follow-up (0 nothing, 1 outcome, 2 competing), and its hours.

        A subject is followed to the first of the outcome, a competing event, censoring, the end of
        the span and `until`; hours of 0 or less mean not at all.

        Args:
            until: Microseconds since 1970 UTC: all that happened by then is written down.
        """
        end = np.minimum(np.minimum(self.censored, self.end), until)
        positive = (self.outcome <= self.competing) & (self.outcome <= end)
        competed = (self.competing <= end) & ~positive
        end[positive] = self.outcome[positive]
        end[competed] = self.competing[competed]
        return competed.astype(np.int64) * 2 + positive, (end - self.prediction) / HOUR


def follow_up(
    shard: Shard, risk: TimeAtRisk, subject: Ints, prediction: Ints, *, at_once: bool = False
) -> FollowUp:
    """What comes first after each prediction time; events count by when they happened.

    Args:
        shard: The events.
        risk: What is waited for.
        subject: Shape (rows,).
        prediction: Shape (rows,). Microseconds since 1970 UTC.
        at_once: Also what comes at the very prediction time.
    """
    asked = prediction - int(at_once)

    def first(names: tuple[str, ...]) -> Ints:
        times = [shard.moments(name).after(subject, asked) for name in names]
        if not times:
            return np.full(len(subject), NEVER)
        soonest: Ints = np.minimum.reduce(times) if len(times) > 1 else times[0]
        return soonest

    return FollowUp(
        prediction=prediction,
        start=prediction + microseconds(parse_duration(risk.start)),
        end=prediction + microseconds(parse_duration(risk.end)),
        outcome=first((risk.outcome,)),
        competing=first(risk.competing),
        censored=first(risk.censored_by),
    )
