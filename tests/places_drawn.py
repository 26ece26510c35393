"""Drawn hospitals of two sites and three wards, in which one place changes, or all: for tests.

Run it to see how often the right place is named, in some minutes: `python -m places_drawn 30`, with
`tests` in PYTHONPATH.
"""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from bedside.monitor.causes.drafts import AlarmDraft
from bedside.monitor.causes.places import PLACED, places_of
from bedside.monitor.stream.answers import Answers
from bedside.monitor.stream.draws import draws
from bedside.monitor.stream.tally import tally_days
from watched_hospital import (
    FEATURES,
    FIRST,
    ONSET,
    Hospital,
    People,
    first_alarms,
    people,
    together,
)

WARDS = {"7 West": "A", "8 East": "A", "5 North": "B"}
"""The site of each ward."""

SHARES = (0.35, 0.3, 0.35)
LATER = (0.3, 0.37, 0.33)
"""Of the patients who come to each ward; and since the onset, where the mix changes."""

OTHERWISE = {"creatinine": 1.5, "albumin": 0.9, "lactate": 1.3}
"""Where wards differ, the values of 8 East are so many times those of others, all along."""

DAYS = 20  # before the onset


@dataclass(frozen=True)
class Change:
    """What happens to a signal where it hits: its values times a factor, or none."""

    signal: str
    factor: float = np.nan

    def on(self, asked: People, hit: np.ndarray) -> None:
        asked.matrix[hit, FEATURES.index(f"{self.signal}.last")] *= self.factor
        if np.isnan(self.factor):
            asked.matrix[hit, FEATURES.index(f"{self.signal}.count.24h")] = 0


MICROMOLES = Change("creatinine", 88.42)
NO_MORE = Change("heart_rate")
BIASED = Change("albumin", 1.25)
CHANGES = (MICROMOLES, NO_MORE, BIASED)
WHERE: dict[str, tuple[str, ...]] = {
    "at B": ("5 North",),
    "in 8 East": ("8 East",),
    "everywhere": tuple(WARDS),
}
RIGHT = {
    "at B": {("site: B",), ("ward: 5 North",)},
    "in 8 East": {("ward: 8 East",), ("site: A", "ward: 8 East")},
    "everywhere": set(),
}


@dataclass(frozen=True)
class Lived:
    """The first alarm, and the drawn answers of all days."""

    hospital: Hospital
    draft: AlarmDraft
    day: int
    drawn: Answers

    def until(self, more: int) -> Answers:
        """Of so many days after that of the alarm, and before."""
        return self.drawn.take(self.drawn.day <= self.day + more)


def lived(
    hospital: Hospital,
    change: Change,
    where: str,
    *,
    seed: int = 3,
    per_day: int = 60,
    after: int = 14,
    differ: bool = False,
) -> Lived | None:
    """A hospital in which a change begins; None: no alarm about it came."""
    random = np.random.default_rng(seed)
    early = FIRST + np.sort(random.integers(0, DAYS, per_day * DAYS))
    late = ONSET + np.sort(random.integers(0, after, per_day * after))
    before, since = people(len(early), random), people(len(late), random)
    ward = random.choice(list(WARDS), len(early) + len(late), p=SHARES)
    if differ:
        ward[len(early) :] = random.choice(list(WARDS), len(late), p=LATER)
        _otherwise(before, ward[: len(early)])
        _otherwise(since, ward[len(early) :])
    change.on(since, np.isin(ward[len(early) :], WHERE[where]))
    answers = together(
        hospital.answers(before, early, 0), hospital.answers(since, late, len(early))
    )
    site = np.array([WARDS[one] for one in ward.tolist()])
    answers = replace(answers, groups={**answers.groups, "site": site, "ward": ward})
    day, drafts = first_alarms(hospital.baseline, tally_days(hospital.baseline, answers))
    about = [one for one in drafts if one.cause in PLACED and change.signal in one.signals]
    drawn = answers.take(draws(hospital.baseline, answers).rows)
    return Lived(hospital, about[0], day, drawn) if about else None


def _otherwise(asked: People, ward: np.ndarray) -> People:
    for signal, factor in OTHERWISE.items():
        asked.matrix[ward == "8 East", FEATURES.index(f"{signal}.last")] *= factor
    return asked


class HospitalOfWards(Hospital):
    """Whose held-out patients are those of three wards, one of which differs."""

    def drawn(self, n: int, random: np.random.Generator) -> People:
        found = super().drawn(n, random)
        return _otherwise(found, random.choice(list(WARDS), n, p=SHARES))


def count(seeds: int, say: Callable[[str], object] = print) -> None:
    """Say how often the right place is named on the day of the first alarm, and a week later."""
    hospitals = (Hospital(), HospitalOfWards())
    for where, change, per_day, differ in product(WHERE, CHANGES, (20, 60), (False, True)):
        found: dict[int, Counter[str]] = {0: Counter(), 7: Counter()}
        for seed in range(1000, 1000 + seeds):
            life = lived(
                hospitals[differ], change, where, seed=seed, per_day=per_day, after=28,
                differ=differ,
            )  # fmt: skip
            for more, kinds in found.items():
                if life is not None:
                    baseline = life.hospital.baseline
                    named = places_of(baseline, life.draft, life.until(more)).groups
                    kinds["right" if named in RIGHT[where] else str(named) or "none"] += 1
        wards = "one ward differs" if differ else "wards alike"
        told = [dict(kinds) for kinds in found.values()]
        say(f"{change.signal} {where}, {per_day} a day, {wards}: {told}")


if __name__ == "__main__":
    count(int(sys.argv[1]))
