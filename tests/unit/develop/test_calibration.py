"""Platt's calibration finds its best slope and intercept, however sure the trees are."""

import numpy as np
import pytest
from scipy.optimize import minimize

from bedside.develop.train.calibrating.platt import platt


@pytest.mark.parametrize("sure", [1, 8, 50, 1000])
def test_calibration_does_not_run_away_where_the_trees_are_very_sure(sure):
    generator = np.random.default_rng(1)
    label = (generator.random(90) < 0.4).astype(np.int64)
    margin = sure * (2.0 * label - 1 + generator.normal(size=90) * 0.8)
    margin[:2] *= -3  # two that are surely wrong

    slope, intercept = platt(margin, label)

    positive = label.sum()
    target = np.where(label == 1, (positive + 1) / (positive + 2), 1 / (92 - positive))
    best = minimize(lambda p: _loss(p[0] * margin / sure + p[1], target), [0, 0], method="BFGS")
    assert _loss(slope * margin + intercept, target) <= best.fun + 1e-6


def _loss(logit, target):
    return (np.logaddexp(0, logit) - target * logit).sum()


def test_a_model_that_ranks_worse_than_chance_gives_everyone_the_mean_and_is_not_turned_round():
    generator = np.random.default_rng(2)
    label = (generator.random(400) < 0.3).astype(np.int64)
    margin = generator.normal(size=400) - 2.0 * label

    slope, intercept = platt(margin, label)

    assert slope == 0
    assert 1 / (1 + np.exp(-intercept)) == pytest.approx(label.mean(), abs=0.005)
    positive = label.sum()
    target = np.where(label == 1, (positive + 1) / (positive + 2), 1 / (402 - positive))
    flat = _loss(np.full(400, intercept), target)
    for rising in (0.01, 0.1, 1.0):
        assert _loss(rising * margin + intercept, target) > flat
