"""How often `bedside monitor` cries wolf, and how often it sees a wolf: a table of measured rates.

Run: python benchmarks/monitor_false_alarms.py [SEEDS]

Two cohorts. Biopsies: the 569 Wisconsin cases of scikit-learn, a logistic model fitted on 40 % of
them, the other 60 % halved at random into a reference and new patients. Stays: synthetic patients
with many correlated rows each, a known risk, some missing values and subgroups. Each row of the
table is one disturbance, over SEEDS seeds: the share of runs with any finding, and with a finding
of the kind that the disturbance should give.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bedside.core.records.declaration import Monitoring
from bedside.monitor.compare import compare
from bedside.monitor.reference import make_reference

OPTIONS = Monitoring()
Sample = dict[str, object]


def sigmoid(odds: np.ndarray) -> np.ndarray:
    """The probability of these log-odds."""
    return 1 / (1 + np.exp(-odds))


def biopsies(then: int = 170, now: int = 171) -> Callable[[int], tuple[Sample, Sample]]:
    """Two random parts of the held-out biopsies."""
    bunch = load_breast_cancer()
    order = np.random.default_rng(20190101).permutation(bunch.target.size)
    fitted, held_out = order[:228], order[228:]
    scale = StandardScaler().fit(bunch.data[fitted])
    model = LogisticRegression(C=0.05).fit(
        scale.transform(bunch.data[fitted]), 1 - bunch.target[fitted]
    )
    x, y = bunch.data[held_out], 1.0 - bunch.target[held_out]
    risk = model.predict_proba(scale.transform(x))[:, 1]
    names = [name.replace(" ", "_") for name in bunch.feature_names]
    texture = np.where(x[:, 1] > np.median(x[:, 1]), "coarse", "fine")

    def take(rows: np.ndarray) -> Sample:
        return {
            "matrix": x[rows].copy(),
            "names": names,
            "risk": risk[rows],
            "label": y[rows],
            "subject": np.arange(rows.size),
            "groups": {"texture": texture[rows]},
        }

    def draw(seed: int) -> tuple[Sample, Sample]:
        mixed = np.random.default_rng(seed).permutation(y.size)
        return take(mixed[:then]), take(mixed[then : then + now])

    return draw


def stays(
    then: int = 800, now: int = 800, rows: int = 12
) -> Callable[[int], tuple[Sample, Sample]]:
    """Two groups of synthetic patients, each with correlated rows and a known risk."""

    def cohort(rng: np.random.Generator, n: int) -> Sample:
        subject = np.repeat(np.arange(n), rows)
        own = rng.normal(size=(n, 12))[subject]
        x = 0.95 * own + np.sqrt(1 - 0.95**2) * rng.normal(size=(n * rows, 12))
        odds = -1.5 + x[:, :6] @ np.array([0.9, 0.7, 0.5, 0.4, 0.3, 0.2])
        label = (rng.random(n * rows) < sigmoid(odds)).astype(float)
        sex = np.where(rng.random(n) < 0.5, "female", "male")[subject]
        band = np.array(["18-44", "45-64", "65+"])[rng.choice(3, size=n, p=[0.3, 0.4, 0.3])][
            subject
        ]
        x[:, 6][rng.random(n)[subject] < 0.15] = np.nan
        x[:, 0] = 100 + 15 * x[:, 0]
        names = [f"signal_{k}" for k in range(12)]
        return {
            "matrix": x,
            "names": names,
            "risk": sigmoid(odds),
            "label": label,
            "subject": subject,
            "groups": {"sex": sex, "age band": band},
        }

    def draw(seed: int) -> tuple[Sample, Sample]:
        rng = np.random.default_rng([77, seed])
        return cohort(rng, then), cohort(rng, now)

    return draw


def nothing(new: Sample, rng: np.random.Generator) -> None:
    """Leave the new patients as they are."""


def ten_times(new: Sample, rng: np.random.Generator) -> None:
    """One feature comes in another unit."""
    new["matrix"][:, 0] *= 10


def offset(new: Sample, rng: np.random.Generator) -> None:
    """One sensor reads one standard deviation too high."""
    new["matrix"][:, 1] += np.nanstd(new["matrix"][:, 1])


def goes_missing(new: Sample, rng: np.random.Generator) -> None:
    """One feature is missing for 30 % of the patients."""
    gone = rng.random(new["subject"].max() + 1) < 0.3
    new["matrix"][gone[new["subject"]], 2] = np.nan


def outcomes_fall(new: Sample, rng: np.random.Generator) -> None:
    """60 % of the patients with the outcome no longer come."""
    keep(new, (new["label"] == 0) | (rng.random(new["label"].size) < 0.4))


def too_extreme(new: Sample, rng: np.random.Generator) -> None:
    """The log-odds of the risks are multiplied by 1.5."""
    odds = np.log(new["risk"]) - np.log1p(-new["risk"])
    new["risk"] = sigmoid(1.5 * odds)


def labels_flip(new: Sample, rng: np.random.Generator) -> None:
    """15 % of the labels come the wrong way round."""
    flipped = rng.random(new["label"].size) < 0.15
    new["label"] = np.where(flipped, 1 - new["label"], new["label"])


def mix_changes(new: Sample, rng: np.random.Generator) -> None:
    """Half of the patients of one subgroup no longer come."""
    group = next(iter(new["groups"].values()))
    gone = rng.random(new["subject"].max() + 1) < 0.5
    keep(new, ~((group == np.unique(group)[-1]) & gone[new["subject"]]))


def keep(new: Sample, rows: np.ndarray) -> None:
    """Leave only some rows."""
    for key in ("matrix", "risk", "label", "subject"):
        new[key] = new[key][rows]
    new["groups"] = {name: group[rows] for name, group in new["groups"].items()}


def report_of(then: Sample, new: Sample) -> dict[str, object]:
    """The monitoring report of new patients against a reference."""
    reference = make_reference(
        then["matrix"],
        then["names"],
        labels_text={},
        units={},
        risk=then["risk"],
        label=then["label"],
        subject_index=then["subject"],
        groups=then["groups"],
        threshold=0.3,
        seed=1,
    )
    return compare(
        reference,
        new["matrix"],
        new["names"],
        risk=new["risk"],
        label=new["label"],
        subject_index=new["subject"],
        groups=new["groups"],
        threshold=0.3,
        options=OPTIONS,
    )


def per_row(then: Sample, new: Sample) -> dict[str, object]:
    """The same, with every row taken for a patient of its own: what must not be done."""
    naive = [sample | {"subject": np.arange(sample["label"].size)} for sample in (then, new)]
    return report_of(*naive)


DISTURBANCES = [
    ("nothing", nothing, None),
    ("one feature × 10", ten_times, ("inputs",)),
    ("one sensor + 1 SD", offset, ("inputs",)),
    ("one feature missing for 30 %", goes_missing, ("quality",)),
    ("60 % of outcomes stay away", outcomes_fall, ("performance",)),
    ("log-odds × 1.5", too_extreme, ("calibration",)),
    ("15 % of labels flipped", labels_flip, ("performance", "calibration")),
    ("half of a subgroup stays away", mix_changes, ("subgroup",)),
]


UNDISTURBED = [
    ("biopsies, 100 then and 241 now", biopsies(100, 241), report_of),
    ("biopsies, 281 then and 60 now", biopsies(281, 60), report_of),
    ("stays, 150 then and 1500 now", stays(150, 1500), report_of),
    ("stays, 1500 then and 60 now", stays(1500, 60), report_of),
    ("stays, 150 patients × 40 rows, then and now", stays(150, 150, 40), report_of),
    ("the same, every row taken as a patient: never do this", stays(150, 150, 40), per_row),
]


def measured(draw, disturb, kinds, seeds, run) -> tuple[float, float]:
    """Share of runs with any finding, and with one of these kinds."""
    every = hit = 0
    for seed in range(seeds):
        then, new = draw(seed)
        disturb(new, np.random.default_rng([5, seed]))
        found = {finding["kind"] for finding in run(then, new)["findings"]}
        every += bool(found)
        hit += bool(found & set(kinds or ()))
    return every / seeds, hit / seeds


def main() -> None:
    """Print the table."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    powers = max(seeds // 5, 20)
    for title, draw in (
        ("biopsies, 170 then and 171 now", biopsies()),
        ("stays, 800 patients × 12 rows, then and now", stays()),
    ):
        print(f"\n{title}; alpha {OPTIONS.alpha}")
        print(f"{'disturbance':32}{'seeds':>7}{'any finding':>13}{'right kind':>12}{'ms/run':>9}")
        for name, disturb, kinds in DISTURBANCES:
            runs = seeds if kinds is None else powers
            began = time.perf_counter()
            every, hit = measured(draw, disturb, kinds, runs, report_of)
            spent = 1000 * (time.perf_counter() - began) / runs
            right = "" if kinds is None else f"{hit:.3f}"
            print(f"{name:32}{runs:7}{every:13.3f}{right:>12}{spent:9.1f}")
    print(
        f"\nnothing disturbed; alpha {OPTIONS.alpha}\n{'cohort':58}{'seeds':>7}{'any finding':>13}"
    )
    for name, draw, run in UNDISTURBED:
        every, _ = measured(draw, nothing, None, seeds, run)
        print(f"{name:58}{seeds:7}{every:13.3f}")


if __name__ == "__main__":
    main()
