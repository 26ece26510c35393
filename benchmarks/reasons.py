"""One patient's exact contributions, against LightGBM's own `pred_contrib` on the same trees.

Floor: `Booster.predict(row, pred_contrib=True)` with one thread. Both take the patients in turns;
all contributions are compared first. What starting costs is told too: reading the trees' text, and
the first call (which compiles the kernel where it is not kept yet).

    python benchmarks/reasons.py [--trees 500] [--leaves 31] [--features 60] [--patients 300]
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import lightgbm
import numpy as np
import numpy.typing as npt

from bedside.models.tree_shap import TreeShap, tree_shap

ROWS = 5000


def made_up(features: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Rows with a third of their values missing, and an outcome that some features drive."""
    generator = np.random.default_rng(1)
    values = generator.normal(size=(ROWS, features))
    values[generator.random(values.shape) < 0.3] = np.nan
    known = np.nan_to_num(values)
    drive = known[:, :5].sum(axis=1) + known[:, 0] * known[:, 1]
    return values, (drive + generator.logistic(size=ROWS) > 0).astype(np.int64)


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Fit, compare, and print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("trees", 500), ("leaves", 31), ("features", 60), ("patients", 300)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    given = parser.parse_args()
    values, label = made_up(given.features)
    options = {"objective": "binary", "num_leaves": given.leaves, "verbosity": -1, "num_threads": 1}
    text = lightgbm.train(options, lightgbm.Dataset(values, label), given.trees).model_to_string()
    booster = lightgbm.Booster(model_str=text)
    made: list[TreeShap | None] = []
    reading = seconds(lambda: made.append(tree_shap(text, outputs=1, width=given.features)))
    explain = made[0]
    if explain is None:
        raise SystemExit("These trees are of a form that is not known.")
    first = seconds(lambda: explain(values[:1]))

    def floor(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1))

    apart = np.abs(explain(values[:500])[:, 0] - floor(values[:500])).max()
    turns = [
        (seconds(lambda row=row: explain(row)), seconds(lambda row=row: floor(row)))  # type: ignore[misc]
        for row in (values[at : at + 1] for at in range(given.patients))
    ]
    ours, theirs = ([1000 * one[at] for one in turns] for at in (0, 1))
    print(
        f"{given.trees} trees of {given.leaves} leaves, {given.features} features, one patient at "
        f"a time: ours {median(ours):.2f} ms ({min(ours):.2f} to {max(ours):.2f}), LightGBM "
        f"{median(theirs):.2f} ms ({min(theirs):.2f} to {max(theirs):.2f}), "
        f"{median(b / a for a, b in turns):.1f} times as fast "
        f"({min(theirs) / min(ours):.1f} times, by the fastest call of each)"
    )
    print(f"largest difference over 500 patients: {apart:.1e}")
    print(f"to start: {reading:.2f} s to read the text, {first:.2f} s for the first call")


if __name__ == "__main__":
    main()
