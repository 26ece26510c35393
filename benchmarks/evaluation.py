"""Every metric with its interval by patient, whole and by subgroup, against scikit-learn in a loop.

Peer: a loop over resamples of patients that gathers the rows of those drawn and calls scikit-learn
for each metric that it has, on all rows and on those of each subgroup; the calibration slope is its
unpenalised `LogisticRegression`, by the solver that is quickest here. It has no calibration in the
large and no smoothed index, so ours are made beside and the peer is not charged for any.

The peer takes long: it is timed over a few resamples and scaled to all of them, which is fair since
each resample is the same work again. Its figures of those resamples must be ours to 1e-9 before a
ratio is given. Both are measured in seconds of the processor, all threads together, so that
neighbours on the machine do not count.

    python benchmarks/evaluation.py [--rows 500000] [--patients 40000] [--replicates 1000]
                                    [--peer 2] [--json]
"""

import argparse
import json
import resource
import time
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    log_loss,
    roc_auc_score,
)

from bedside.core.records.declaration import Evaluation
from bedside.develop.evaluate.intervals import drawn_by
from bedside.develop.evaluate.statistics import Rows
from bedside.metrics.bootstrap import replicate_blocks

Floats = npt.NDArray[np.float64]
Masks = Mapping[str, npt.NDArray[np.bool_]]
SEED, THRESHOLD = 7, 0.2


def predictions(rows: int, patients: int) -> tuple[Rows, Masks]:
    """Risks of repeated predictions, somewhat too extreme, with twelve subgroups of four kinds."""
    generator = np.random.default_rng(SEED)
    subject = np.sort(
        np.append(np.arange(patients), generator.integers(0, patients, rows - patients))
    )
    own = generator.normal(-2.2, 1.0, patients)[subject]
    odds = own + generator.normal(0, 0.8, rows)
    label = (generator.random(rows) < 1 / (1 + np.exp(-0.1 - 0.85 * odds))).astype(np.int64)
    groups = {
        kind: generator.integers(0, levels, patients)[subject]
        for kind, levels in (("sex", 2), ("age", 4), ("site", 3), ("language", 3))
    }
    masks = {
        f"{kind} {level}": level_of == level
        for kind, level_of in groups.items()
        for level in np.unique(level_of)
    }
    risk = 1 / (1 + np.exp(-odds))
    return Rows(risk=risk, label=label, subject=subject, days=np.ones(rows)), masks


def peer(label: npt.NDArray[np.int64], risk: Floats) -> dict[str, float]:
    """The figures of one resample's rows."""
    tn, fp, fn, tp = (float(n) for n in confusion_matrix(label, risk >= THRESHOLD).ravel())
    odds = np.log(risk / (1 - risk))
    line = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(
        odds[:, None], label
    )
    return {
        "auroc": float(roc_auc_score(label, risk)),
        "auprc": float(average_precision_score(label, risk)),
        "brier": float(brier_score_loss(label, risk)),
        "log_loss": float(log_loss(label, risk)),
        "calibration_slope": float(line.coef_[0, 0]),
        "sensitivity": tp / (tp + fn),
        "specificity": tn / (tn + fp),
        "ppv": tp / (tp + fp),
        "npv": tn / (tn + fn),
        "alert_rate": (tp + fp) / len(label),
        "net_benefit": (tp - fp * THRESHOLD / (1 - THRESHOLD)) / len(label),
        "expected_observed_ratio": float(risk.sum() / label.sum()),
    }


def peer_replicates(rows: Rows, masks: Masks, count: int) -> tuple[float, list[dict[str, float]]]:
    """Seconds for each resample, and its figures over all rows and over each subgroup."""
    first = np.searchsorted(rows.subject, np.arange(rows.subjects + 1))
    size = np.diff(first)
    found = []
    started = time.process_time()
    for counts in next(replicate_blocks(rows.subjects, count, SEED, count)):
        drawn = np.repeat(np.arange(len(rows.risk)), np.repeat(counts, size))
        label, risk = rows.label[drawn], rows.risk[drawn]
        figures = peer(label, risk)
        for name, mask in masks.items():
            inside = mask[drawn]
            part = peer(label[inside], risk[inside])
            figures |= {f"{name} {metric}": value for metric, value in part.items()}
        found.append(figures)
    return (time.process_time() - started) / count, found


def farthest(ours: Mapping[str, Floats], theirs: list[dict[str, float]]) -> float:
    """The largest difference of the figures that both have."""
    return max(
        abs(float(ours[name][at]) - value)
        for at, figures in enumerate(theirs)
        for name, value in figures.items()
    )


def main() -> None:
    """Measure both, compare, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--patients", type=int, default=40_000)
    parser.add_argument("--replicates", type=int, default=1_000)
    parser.add_argument("--peer", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    rows, masks = predictions(options.rows, options.patients)
    whole = {"": np.ones(options.rows, dtype=np.bool_)}
    small, small_masks = predictions(2_000, 500)
    drawn_by(
        small, small_masks, THRESHOLD, Evaluation(bootstrap=2), SEED
    )  # compiling is not counted

    started = time.process_time()
    made = drawn_by(
        rows, {**whole, **masks}, THRESHOLD, Evaluation(bootstrap=options.replicates), SEED
    )
    ours = time.process_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    drawn = {
        f"{part} {metric}".strip(): figure.drawn
        for part, figures in made.items()
        for metric, figure in figures.items()
    }
    each, theirs = peer_replicates(rows, masks, options.peer)
    result = {
        "rows": options.rows,
        "patients": rows.subjects,
        "replicates": options.replicates,
        "subgroups": len(masks),
        "figures": len(drawn),
        "ours_seconds": ours,
        "peer_seconds_a_replicate": each,
        "peer_replicates_timed": options.peer,
        "ratio": each * options.replicates / ours,
        "farthest": farthest(drawn, theirs),
        "memory_mib": memory,
    }
    assert result["farthest"] <= 1e-9, result["farthest"]
    if options.json:
        print(json.dumps(result))
        return
    print(
        f"{options.rows} predictions of {rows.subjects} patients, {options.replicates} resamples, "
        f"{len(masks)} subgroups, {len(drawn)} figures: {ours:.1f} s, at most {memory:.0f} MiB.\n"
        f"scikit-learn in a loop, for {len(theirs[0])} of the figures: {each:.1f} s a resample "
        f"({options.peer} timed), {each * options.replicates:.0f} s scaled to all.\n"
        f"Figures of the same resamples differ by at most {result['farthest']:.1e}.\n"
        f"Ratio to scikit-learn: {result['ratio']:.0f} times as fast."
    )


if __name__ == "__main__":
    main()
