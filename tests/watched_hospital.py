"""A hospital whose patients and days are drawn, answered by a real small model: for tests."""

from dataclasses import dataclass, field

import lightgbm as lgb
import numpy as np

from bedside.core.records.codes_seen import CodeSeen, codes_to_text
from bedside.core.records.watch import Watch
from bedside.monitor.causes.causes import AlarmDraft, likely
from bedside.monitor.causes.units_seen import conversions
from bedside.monitor.detectors.watching import watch_days
from bedside.monitor.stream.answers import ABSTENTION, SCORE, UNKNOWN_DAY, Answers
from bedside.monitor.stream.baseline import Baseline, make_baseline
from bedside.monitor.stream.tally import Tally, tally_days

Random = np.random.Generator

FIRST = 20_000
"""The day on which the hospital begins to ask the model."""

ONSET = FIRST + 20
LABELS_AFTER = 3  # days, and up to as many again

# Typical value, spread of the logarithm, share of patients who have it, and weight on the log-odds.
SIGNALS = {
    "creatinine": ("mg/dL", 1.0, 0.45, 0.9, 0.8),
    "lactate": ("mmol/L", 1.6, 0.5, 0.6, 0.9),
    "glucose": ("mg/dL", 130.0, 0.3, 0.95, 0.2),
    "bilirubin": ("mg/dL", 0.8, 0.7, 0.5, 0.4),
    "sodium": ("mmol/L", 139.0, 0.035, 0.95, -0.1),
    "temperature": ("Cel", 37.0, 0.02, 0.98, 0.3),
    "heart_rate": ("/min", 85.0, 0.2, 0.99, 0.5),
    "platelets": ("10*3/uL", 220.0, 0.4, 0.9, -0.3),
    "weight": ("kg", 78.0, 0.22, 0.8, 0.0),
    "albumin": ("g/dL", 3.4, 0.2, 0.5, -0.5),
}
UNITS = {name: conversions(unit, signal=name) for name, (unit, *_) in SIGNALS.items()}  # type: dict[str, tuple[Conversion, ...]]
THRESHOLD = 0.35
WEIGHED = ("LOINC//29463-7", "LOINC//3141-9")
"""The codes of the weight."""
FEATURES = (
    *(f"{name}.last" for name in SIGNALS),
    *(f"{name}.count.24h" for name in SIGNALS),
    "age.last",
    "sex.last.is_female",
    "sex.last.is_male",
    "ventilation.last.is_yes",
)


@dataclass
class People:
    """n patients: their features, and whether the event comes true; to be changed by a test."""

    matrix: np.ndarray
    event: np.ndarray
    odds: np.ndarray
    random: Random

    def column(self, feature: str) -> np.ndarray:
        return self.matrix[:, FEATURES.index(feature)]

    def __len__(self) -> int:
        return len(self.matrix)


def people(n: int, random: Random, *, older: float = 0.0, wave: float = 0.0) -> People:
    """Patients; `older` moves the age by standard deviations, `wave` makes them feverish."""
    age = np.clip(random.normal(63 + 15 * older, 15, n), 18, 100)
    female = random.random(n) < 0.48
    ventilated = random.random(n) < 0.2 + 0.1 * older
    ill = random.normal(0, 1, n) + wave
    odds = -1.5 + 0.5 * (age - 63) / 15 + 0.5 * ventilated
    values, counts = [], []
    for place, (_, typical, spread, known, weight) in enumerate(SIGNALS.values()):
        acute = 0.35 if place in (0, 1, 5, 6) else 0.0
        of_age = 0.25 if place in (0, 2, 9) else 0.0
        score = random.normal(0, 1, n) * np.sqrt(1 - acute**2) + acute * ill
        score = score + of_age * (age - 63) / 15
        value = typical * np.exp(spread * score)
        there = random.random(n) < np.clip(known + 0.05 * wave, 0, 1)
        odds = odds + weight * score * there
        values.append(np.where(there, value, np.nan))
        counts.append(np.where(there, 1 + random.poisson(1.5, n), 0.0))
    matrix = np.column_stack([*values, *counts, age, female, ~female, ventilated]).astype(float)
    event = random.random(n) < 1 / (1 + np.exp(-odds))
    return People(matrix, event.astype(float), odds, random)


def codes_of(
    asked: People, *, ventilated: str = "yes", lone: str = "", weigher: tuple[str, str] = WEIGHED
) -> np.ndarray:
    """The codes that each question saw.

    Args:
        asked: The patients.
        ventilated: The text of who is ventilated; only `yes` is known.
        lone: A code that no signal has, of who has no creatinine.
        weigher: The codes under which two patients of three, and the third, have their weight; ''
            of nobody.
    """
    place = np.arange(len(asked))
    on = asked.column("ventilation.last.is_yes") > 0
    without = np.isnan(asked.column("creatinine.last"))
    weighed = ~np.isnan(asked.column("weight.last"))
    told = []
    for row in place:
        seen = []
        if on[row]:
            seen.append(CodeSeen("ventilation", ventilated, *[ventilated == "yes"] * 2))
        if lone and without[row]:
            seen.append(CodeSeen("", lone, False))
        if weighed[row] and (code := weigher[int(row % 3 == 0)]):
            seen.append(CodeSeen("weight", code, code in WEIGHED))
        told.append(codes_to_text(seen))
    return np.array(told, dtype=np.str_)


@dataclass
class Hospital:
    """A fitted model, its baseline, and days of answers."""

    seed: int = 1
    held_out: int = 6000
    model: lgb.Booster = field(init=False)
    baseline: Baseline = field(init=False)

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        learnt = self.drawn(6000, random)
        self.model = lgb.train(
            {"objective": "binary", "num_leaves": 8, "learning_rate": 0.1, "num_threads": 1,
             "verbose": -1, "seed": 1, "min_data_in_leaf": 40},
            lgb.Dataset(learnt.matrix, learnt.event), num_boost_round=80,
        )  # fmt: skip
        held = self.drawn(self.held_out, random)
        random_days = FIRST - 100 + np.arange(len(held)) % 60
        answers = self.answers(held, random_days, 0)
        self.baseline = make_baseline(
            answers,
            signals={name: name.split(".")[0] for name in FEATURES},
            titles={},
            categories={},
            threshold=THRESHOLD,
            seed=1,
            minimum=50,
            made_from="held-out patients",
        )

    def drawn(self, n: int, random: Random) -> People:
        """Patients whom the model learns from, and whom its baseline is made of."""
        return people(n, random)

    def answers(
        self,
        asked: People,
        day: np.ndarray,
        first: int,
        *,
        late: int = 0,
        acted: bool = False,
        abstain: float = 0.0,
        why: str = "missing",
        about: str = "",
        aside: str = "",
        elsewhere: np.ndarray | None = None,
        codes: np.ndarray | None = None,
    ) -> Answers:
        """What the model says of these patients on these days.

        `why` and `about` are the reason and the signal of every abstention, `aside` is the signal
        of which a value of each scored patient was set aside; `elsewhere` lie in another site;
        `codes` are those that each question saw, if not the usual ones.
        """
        n = len(asked)
        contributions = self.model.predict(asked.matrix, pred_contrib=True)
        risk = 1 / (1 + np.exp(-contributions.sum(axis=1)))
        silent = asked.random.random(n) < abstain
        alert = (risk >= THRESHOLD) & ~silent
        wait = LABELS_AFTER + asked.random.integers(0, LABELS_AFTER, n) + late
        age = asked.column("age.last")
        there = np.zeros(n, dtype=bool) if elsewhere is None else elsewhere
        return Answers(
            day=day.astype(np.int64),
            subject=np.arange(first, first + n),
            hours=np.zeros(n),
            outcome=np.where(silent, ABSTENTION, SCORE).astype(np.int8),
            reason=np.where(silent, why, "").astype(object),
            risk=np.where(silent, np.nan, risk),
            alert=alert,
            shown=~silent,
            latency_ms=asked.random.gamma(4, 5, n),
            features=FEATURES,
            matrix=asked.matrix,
            contributions=contributions,
            label=asked.event.copy(),
            label_day=np.where(silent, UNKNOWN_DAY, day + wait).astype(np.int64),
            acted=alert & acted,
            about=np.where(silent, about, "").astype(object),
            aside=np.where(silent, "", aside).astype(object),
            codes=codes_of(asked) if codes is None else codes,
            groups={
                "site": np.where(there, "other", "main").astype(object),
                "sex": np.where(asked.column("sex.last.is_female") > 0, "female", "male").astype(
                    object
                ),
                "age_band": np.select([age < 55, age < 70], ["under 55", "55-69"], "70+").astype(
                    object
                ),
            },
        )


def quarter(
    hospital: Hospital,
    before: People,
    after: People,
    *,
    days: tuple[int, int] = (20, 25),
    **told: object,
) -> tuple[Baseline, list[Tally]]:
    """Days as before, then days as after, from `ONSET` on; what is told is of the latter."""
    early = FIRST + np.sort(before.random.integers(0, days[0], len(before)))
    first = hospital.answers(before, early, 0)
    since = ONSET + np.sort(after.random.integers(0, days[1], len(after)))
    second = hospital.answers(after, since, len(before), **told)  # type: ignore[arg-type]
    tallies = {tally.day: tally for tally in tally_days(hospital.baseline, together(first, second))}
    return hospital.baseline, [tallies[day] for day in sorted(tallies)]


def together(one: Answers, other: Answers) -> Answers:
    """Both, the first first."""
    names = (
        "day", "subject", "hours", "outcome", "reason", "risk", "alert", "shown", "latency_ms",
        "matrix", "label", "label_day", "acted", "contributions",
        "about", "aside", "codes",
    )  # fmt: skip
    return Answers(
        features=one.features,
        groups={
            name: np.concatenate([one.groups[name], other.groups[name]]) for name in one.groups
        },
        **{name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in names},
    )


def first_alarms(baseline: Baseline, tallies: list[Tally]) -> tuple[int, list[AlarmDraft]]:
    """The day on which something is found from the onset on, and the drafts of that day."""
    detectors = None
    for place, tally in enumerate(tallies):
        seen = watch_days(baseline, Watch(), detectors, [tally])
        detectors = seen.detectors
        if seen.findings and tally.day >= ONSET:
            return tally.day, likely(baseline, seen.findings, tallies[: place + 1], units=UNITS)
    return -1, []
