"""Our fit of boosted trees against a bare `lightgbm.train` on the same matrix, and its reasons.

Floor: a Dataset, `lightgbm.train` with the same parameters, and the text of the trees: no plan, no
refusals, no form. Both run in turns, with one thread. Then the time of one patient's contributions
by the fitted form, beside LightGBM's own `pred_contrib`.

    python benchmarks/fitting.py [--rows 100000] [--features 60] [--rounds 5]
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import lightgbm
import numpy as np

from bedside.core.records.declaration import Learner
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.lightgbm import LightGbm
from bedside.develop.train.matrix import Matrix
from bedside.models.learnt import LearntModel

TREES = 200
PARAMETERS = {"learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 20}
CALLS = 200


def made_up(rows: int, features: int) -> Matrix:
    """Rows with a fifth of their values missing, and an outcome that some features drive."""
    generator = np.random.default_rng(1)
    values = generator.normal(size=(rows, features))
    drive = values[:, :5].sum(axis=1) + values[:, 0] * values[:, 1] - 2
    label = (generator.random(rows) < 1 / (1 + np.exp(-drive))).astype(np.int64)
    values[generator.random(values.shape) < 0.2] = np.nan
    return Matrix(features=values, label=label, names=tuple(f"f{at}" for at in range(features)))


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def told(name: str, ours: list[float], floor: list[float], unit: str, scale: float) -> None:
    """One line: both medians with their ranges, and the ratio."""
    ratio = median(one / other for one, other in zip(ours, floor, strict=True))
    spans = [
        f"{median(some) * scale:.3g} {unit} ({min(some) * scale:.3g} to {max(some) * scale:.3g})"
        for some in (ours, floor)
    ]
    print(f"{name}: ours {spans[0]}, floor {spans[1]}, ratio {ratio:.2f}")


def main() -> None:
    """Fit both in turns, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    train = made_up(given.rows, given.features)
    plan = Plan(
        options=Learner(rounds=TREES, threads=1, parameters=dict(PARAMETERS)),
        columns=tuple(Column(name=name) for name in train.names),
    )
    bare = {
        **PARAMETERS,
        "objective": "binary",
        "metric": "binary_logloss",
        "verbosity": -1,
        "seed": plan.options.seed,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
    }

    def floor() -> str:
        data = lightgbm.Dataset(train.features, train.label)
        text: str = lightgbm.train(bare, data, num_boost_round=TREES).model_to_string()
        return text

    form = LightGbm().fit(train, train, plan)  # both are warm from here on
    turns = [
        (seconds(lambda: LightGbm().fit(train, train, plan)), seconds(floor))
        for _ in range(given.rounds)
    ]
    print(f"{TREES} trees on {given.rows:,} rows of {given.features} features, one thread")
    told("fit", [one for one, _ in turns], [one for _, one in turns], "s", 1.0)

    model, booster = LearntModel(form), lightgbm.Booster(model_str=floor())
    patient = train.features[:1]
    reasons = [
        (
            seconds(lambda: model.contributions(patient)),
            seconds(lambda: booster.predict(patient, pred_contrib=True, num_threads=1)),
        )
        for _ in range(CALLS)
    ]
    told("reasons", [one for one, _ in reasons], [one for _, one in reasons], "ms", 1000.0)


if __name__ == "__main__":
    main()
