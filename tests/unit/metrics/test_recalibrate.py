"""The calibration slope is found from anywhere or said to have no end, alone and in blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from bedside.metrics.bootstrap import replicate_counts
from bedside.metrics.calibration import (
    calibration_intercept,
    calibration_slope,
    log_odds,
    recalibrate,
)
from bedside.metrics.family import by_name
from bedside.metrics.resampled.logistic import calibration_families


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=4, max_size=25),
    st.tuples(st.floats(-60, 60), st.floats(-60, 60)),
)
@settings(deadline=None)
def test_the_fit_is_found_from_any_start_or_has_no_end(rows, start):
    label, risk = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    odds = log_odds(risk / 20)
    ill, well = odds[label == 1], odds[label == 0]
    parted = not ill.size or not well.size or ill.min() >= well.max() or ill.max() <= well.min()

    found = recalibrate(label, odds, np.ones(label.size), start=start)

    assert np.isnan(found).all() == parted
    if not parted:
        share = 1 / (1 + np.exp(-(found[0] + found[1] * odds)))
        score = np.array([(label - share).sum(), ((label - share) * odds).sum()])
        assert score == pytest.approx([0, 0], abs=1e-6)


def test_risks_of_0_and_1_among_others_do_not_lose_the_fit():
    risk = np.array([0.0, 1.0, 0.2, 0.4, 0.6, 0.8, 0.0, 1.0])
    label = np.array([0, 1, 1, 0, 1, 0, 1, 0])
    columns = log_odds(risk)[:, None]

    expected = LogisticRegression(C=np.inf, tol=1e-12, max_iter=5000).fit(columns, label).coef_

    assert calibration_slope(label, risk) == pytest.approx(expected[0, 0], abs=1e-5)


@pytest.mark.parametrize(("subjects", "per"), [(15, 1), (60, 4), (2000, 3)])
def test_many_weightings_are_fitted_as_each_alone(subjects, per):
    generator = np.random.default_rng(subjects)
    odds = generator.normal(-1, 1.5, subjects * per)
    risk = 1 / (1 + np.exp(-odds))
    risk[:2] = 0.0, 1.0
    label = (generator.random(len(risk)) < 1 / (1 + np.exp(-0.3 - 0.8 * odds))).astype(int)
    subject = np.repeat(np.arange(subjects), per)
    counts = replicate_counts(subjects, 25, 1)

    made = by_name(calibration_families(label, risk, subject, subjects))
    slopes, shifts = (
        made[name].family.of(np.ascontiguousarray(counts.T, dtype=float))[0]
        for name in ("calibration_slope", "calibration_intercept")
    )

    weights = [row[subject] for row in counts]
    expected = [calibration_slope(label, risk, w) for w in weights]
    assert slopes == pytest.approx(expected, abs=1e-9, nan_ok=True)
    assert shifts == pytest.approx(
        [calibration_intercept(label, risk, w) for w in weights], abs=1e-9, nan_ok=True
    )
