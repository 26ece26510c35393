"""How many questions come in a day: learnt from the version's own days, and far fewer or more."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from bedside.core.clock import day_text, days_of
from bedside.core.errors import Invalid
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.watch import Finding, Watch
from bedside.metrics.counting import count_tails, dispersion
from bedside.monitor.detectors.detecting import (
    NEVER,
    Detectors,
    counted_day,
    over_bar,
    shares_of,
)
from bedside.monitor.disclosure import significant
from bedside.monitor.stream.streams import Baseline

__all__ = ["LEARN_DAYS", "SILENCE", "VOLUME", "DayCount", "Volume", "watch_volume"]

Floats = npt.NDArray[np.float64]

VOLUME: Final = ("volume:questions", "volume:patients")
"""Ids of the two streams whose counts are compared with those of the same days of the week."""

SILENCE: Final = "volume:silence"
"""Id of the stream of days without a question where there should have been some."""

LEARN_DAYS: Final = 28
"""So many days are learnt from before a day is judged: four of each day of the week."""

KEPT_DAYS: Final = 84
"""A day is compared with those of the twelve weeks before, so that a season is not a change."""

LEAST, MOST = 0.8, 1.25
"""A mean of a fifth fewer, or a quarter more, counts as before."""

SHIFTS: Final = (0.3, 0.6, 1.0, 1.5, 2.2, 3.0)
"""By how many standard deviations each stake says that the counts moved."""

_SUSPECT = 3.0
"""From this log evidence of one stake on, the days since it rose are not learnt from: a change
would else become what is usual before it is found."""

_RAREST = 1e-3
"""One day alone, such as a holiday, is no more unlikely than this; several days are."""

_WEEK = 7
_STREAMS = len(VOLUME) + 1
_FORM = 1


@dataclass(frozen=True, slots=True)
class DayCount:
    """A day, its questions, and the patients they were about."""

    day: int
    questions: int
    patients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """How far the volume of a version is watched.

    Args:
        day: The last day that is counted; `NEVER`: none is.
        days: Those that the next days are compared with, oldest first.
        detectors: Of the two streams of `VOLUME`.
        silent: Days without a question that should have had some, not learnt from.
        silence: Since when that stands until a person resolves it, and what was usual on such a
            day; None: nothing stands.
    """

    day: int = NEVER
    days: tuple[DayCount, ...] = ()
    detectors: Detectors = field(default_factory=lambda: Detectors.fresh(len(VOLUME)))
    silent: tuple[int, ...] = ()
    silence: tuple[int, float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON; it holds small counts, and is to be sealed."""
        return {
            "form": _FORM,
            "day": self.day,
            "days": [[one.day, one.questions, one.patients] for one in self.days],
            "detectors": self.detectors.to_json(),
            "silent": list(self.silent),
            "silence": None if self.silence is None else list(self.silence),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any] | None) -> "Volume":
        """What `to_json` wrote; of another form, or nothing: one that has seen no day."""
        if given is None or given.get("form") != _FORM:
            return cls()
        try:
            detectors = Detectors.from_json(given["detectors"])
        except Invalid:
            return cls()
        stands = given["silence"]
        return cls(
            day=given["day"],
            days=tuple(DayCount(*one) for one in given["days"]),
            detectors=detectors,
            silent=tuple(given["silent"]),
            silence=None if stands is None else (int(stands[0]), stands[1], stands[2]),
        )

    def restarted(self, streams: frozenset[str]) -> "Volume":
        """As after a person resolved an alarm of these streams.

        What was found is what is usual from now on: it is learnt anew, from the day on which it
        began. Silence is forgotten, and is not learnt from.
        """
        now = replace(self, silence=None) if SILENCE in streams else self
        if not streams.intersection(VOLUME):
            return now
        began = self.detectors.since
        known = began[began != NEVER]
        first = int(known.min()) if known.size else self.day + 1
        return replace(
            now,
            days=tuple(one for one in self.days if one.day >= first),
            detectors=replace(Detectors.fresh(len(VOLUME)), day=self.day),
        )


def watch_volume(
    baseline: Baseline,
    watch: Watch,
    volume: Volume,
    days: Sequence[DayCount],
    *,
    learn: int = NEVER,
) -> tuple[Volume, tuple[tuple[int, tuple[Finding, ...]], ...], tuple[Finding, ...]]:
    """Count these days, and judge each by those before it.

    The first day that is counted is not learnt from: it began when the version did.

    Args:
        baseline: Whose other streams have the rest of the budget.
        watch: The budget.
        volume: After the days before.
        days: Whole days, in order, also those without a question; earlier ones are passed over.
        learn: Days up to this one are learnt from, and not judged.

    Returns:
        The volume after them; each day with findings, and those; the findings after the last.
    """
    share = shares_of(baseline)["volume"] / _STREAMS
    budget = days_of(watch.per) / watch.false_alarms / share
    now, by_day = volume, []
    for one in days:
        if one.day <= now.day:
            continue
        if now.day == NEVER:
            now = replace(now, day=one.day)
            continue
        now = _a_day(now, one, 1 / budget, judged=one.day > learn)
        found = _findings(now, budget)
        if found:
            by_day.append((one.day, found))
    return now, tuple(by_day), _findings(now, budget)


def _a_day(volume: Volume, one: DayCount, rarest: float, *, judged: bool) -> Volume:
    """One day further."""
    known = _learnt(volume)
    detectors, silence, silent = volume.detectors, volume.silence, False
    like = [other for other in known if (one.day - other.day) % _WEEK == 0]
    if judged and like and one.day - volume.days[0].day >= LEARN_DAYS:
        tails = np.array([_tails(known, one, name) for name in ("questions", "patients")])
        silent = one.questions == 0 and bool(tails[0, 0] <= rarest)
        z = -ndtri(np.maximum(tails[:, ::-1], _RAREST))[..., None]
        shifts = np.array(SHIFTS)
        detectors = counted_day(
            detectors, one.day, n=np.ones(2),
            total=np.array([one.questions, one.patients], dtype=np.float64),
            won=shifts * z - shifts**2 / 2,
        )  # fmt: skip
        if silent and silence is None:
            usual = float(np.mean([other.questions for other in like]))
            silence = (one.day, usual, float(-math.log(max(tails[0, 0], 1e-300))))
    first = one.day - KEPT_DAYS
    again = one.day - _WEEK in volume.silent
    days = volume.days if silent and not again else (*volume.days, one)
    return Volume(
        day=one.day,
        days=tuple(other for other in days if other.day >= first),
        detectors=detectors,
        silent=tuple(
            day for day in (*volume.silent, *([one.day] if silent else [])) if day >= first
        ),
        silence=silence,
    )


def _learnt(volume: Volume) -> tuple[DayCount, ...]:
    """The days from before a change is suspected."""
    suspect = volume.detectors.began[volume.detectors.run >= _SUSPECT]
    first = int(suspect.min()) if suspect.size else volume.day + 1
    return tuple(one for one in volume.days if one.day < first)


def _tails(known: Sequence[DayCount], one: DayCount, name: str) -> tuple[float, float]:
    """Chances of so few and of so many, as `count_tails`."""
    weekdays: list[list[int]] = [[] for _ in range(_WEEK)]
    for other in known:
        weekdays[other.day % _WEEK].append(getattr(other, name))
    return count_tails(
        getattr(one, name), weekdays[one.day % _WEEK],
        spread=dispersion(weekdays), least=LEAST, most=MOST,
    )  # fmt: skip


def _findings(volume: Volume, budget: float) -> tuple[Finding, ...]:
    """What is over its bar, the silence first."""
    found = []
    if volume.silence is not None:
        day, usual, log_evidence = volume.silence
        found.append(_silence(day, usual, log_evidence, math.log(budget)))
    bar = math.log(2 * budget)
    since, means = volume.detectors.since, volume.detectors.mean_since
    drawn = volume.detectors.drawn_since
    for place, side, log_evidence in over_bar(volume.detectors, np.full(len(VOLUME), bar)):
        onset = int(since[place, side])
        onset = volume.day if onset == NEVER else onset
        name = VOLUME[place].split(":")[1]
        before = [getattr(one, name) for one in volume.days if one.day < onset]
        then = significant(float(np.mean(before)), 2) if before else 0.0
        patients = sum(one.patients for one in volume.days if one.day >= onset)
        shown = drawn[place, side] > 0 and patients > SUPPRESS_AT_OR_BELOW
        now = significant(float(means[place, side]), 2) if shown else None
        told = (
            f"from about {then:g} to {now:g}"
            if shown
            else f"{'down' if side else 'up'} from about {then:g}"
        )
        found.append(
            Finding(
                stream=VOLUME[place], kind="volume", side="down" if side else "up", signal=None,
                group=None, since=day_text(onset), log_evidence=log_evidence, bar=bar, then=then,
                now=now, n=patients if shown else None,
                text=f"{name} of a day: {told} since {day_text(onset)}",
            )
        )  # fmt: skip
    return tuple(found)


def _silence(day: int, usual: float, log_evidence: float, bar: float) -> Finding:
    then = significant(usual, 2)
    return Finding(
        stream=SILENCE, kind="volume", side="down", signal=None, group=None, since=day_text(day),
        log_evidence=log_evidence, bar=bar, then=then, now=None, n=None,
        text=f"no question came on {day_text(day)}, where about {then:g} come on such a day",
    )  # fmt: skip
