"""The held-out patients of a build as answers, and the baseline of the streams that they make."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bedside.develop.evaluate.statistics import Rows
from bedside.features.definition import FeatureSet
from bedside.features.wording import title
from bedside.lifecycle.watching import watched_label
from bedside.monitor.stream.answers import ABSTENTION, SCORE, UNKNOWN_DAY, Answers
from bedside.monitor.stream.baseline import Baseline, make_baseline
from bedside.monitor.stream.draws import drawn, span_of

__all__ = ["answers_of", "baseline_of_features", "held_out_baseline"]

Floats = npt.NDArray[np.float64]
MOST_EXPLAINED = 2000
"""Subjects whose contributions are computed; their mean is known well enough from so many."""


def held_out_baseline(
    feature_set: FeatureSet,
    matrix: Floats,
    rows: Rows,
    groups: Mapping[str, npt.NDArray[np.str_]],
    *,
    thresholds: float | Floats | None,
    reasons: npt.NDArray[np.str_],
    codes: npt.NDArray[np.str_] | None,
    explain: Callable[[Floats], Floats] | None,
    seed: int,
    minimum: int,
    made_from: str,
) -> Baseline:
    """The baseline of these patients, as if they had been asked about at the bedside.

    Args:
        feature_set: k features.
        matrix: Shape (n, k).
        rows: The n predictions and what came true, by subject, then time.
        groups: The level of each row in each subgroup.
        thresholds: Where rows alert: one for all, or shape (n,); None: nothing does.
        reasons: Shape (n,), why a score would have been withheld, '' where it is not.
        codes: Shape (n,), which codes each row saw; None: it is not known.
        explain: Contributions of rows; None: they are not computed.
        seed: Of the draws.
        minimum: A stream of fewer subjects is not made.
        made_from: What they are; their number is put before it.
    """
    answers = replace(
        answers_of(feature_set, matrix, rows, groups, thresholds, reasons), codes=codes
    )
    if explain is not None:
        span = span_of(answers, seed=seed)
        some = np.flatnonzero(drawn(answers, seed=seed, span_hours=span).rows)[:MOST_EXPLAINED]
        told = np.full((len(answers), matrix.shape[1] + 1), np.nan)
        if some.size:
            told[some] = explain(answers.matrix[some])
        answers = replace(answers, contributions=told)
    subjects = len(np.unique(rows.subject))
    return baseline_of_features(
        feature_set,
        answers,
        threshold=thresholds if isinstance(thresholds, float) else None,
        seed=seed,
        minimum=minimum,
        made_from=f"{subjects:,} {made_from}",
    )


def baseline_of_features(
    feature_set: FeatureSet,
    answers: Answers,
    *,
    threshold: float | None,
    seed: int,
    minimum: int,
    made_from: str,
    version: str = "",
    live: bool = False,
) -> Baseline:
    """The baseline of answers, with the words and categories of their features."""
    features = feature_set.features
    return make_baseline(
        answers,
        signals={one.name: one.signal or None for one in features},
        titles={one.name: title(one) for one in features},
        categories={one.name: one.labels for one in features if one.labels},
        threshold=threshold,
        seed=seed,
        minimum=minimum,
        made_from=made_from,
        version=version,
        live=live,
    )


def answers_of(
    feature_set: FeatureSet,
    matrix: Floats,
    rows: Rows,
    groups: Mapping[str, npt.NDArray[np.str_]],
    thresholds: float | Floats | None,
    reasons: npt.NDArray[np.str_],
) -> Answers:
    """The rows as the monitor of live answers sees them.

    Of an answer without a score neither the features nor a risk are on record, so that they are
    not known here either. When labels came to be known at the bedside is not known.
    """
    n = len(rows.risk)
    scored = reasons == ""
    told = watched_label(rows.outcome, rows.label)
    asked = np.zeros(n) if rows.hours is None else rows.hours
    risk = np.where(scored, rows.risk, np.nan)
    alert = np.zeros(n, dtype=bool) if thresholds is None else rows.risk >= thresholds
    return Answers(
        day=np.floor(asked / 24).astype(np.int64),
        subject=rows.subject.astype(np.int64),
        hours=asked - _first(asked, rows.subject),
        outcome=np.where(scored, SCORE, ABSTENTION).astype(np.int8),
        reason=reasons,
        risk=risk,
        alert=alert & scored,
        shown=np.ones(n, dtype=bool),
        latency_ms=np.full(n, np.nan),
        features=feature_set.names,
        matrix=np.where(scored[:, None], matrix, np.nan),
        label=np.full(n, np.nan) if told is None else told.astype(np.float64),
        label_day=np.full(n, UNKNOWN_DAY, dtype=np.int64),
        acted=np.zeros(n, dtype=bool),
        groups={name: np.where(levels == "unknown", "", levels) for name, levels in groups.items()},
    )


def _first(asked: Floats, subject: npt.NDArray[np.int64]) -> Floats:
    """The earliest time of each row's subject."""
    _, which = np.unique(subject, return_inverse=True)
    first = np.full(which.max(initial=-1) + 1, np.inf)
    np.minimum.at(first, which, asked)
    return first[which]
