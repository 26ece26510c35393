"""The integrated calibration index against loess by rows, and against risks known to be wrong."""

import numpy as np
import pytest

from bedside.metrics.smoothing import ici


def loess(risk, label, span=0.75):
    """A local line at each row over its nearest rows (Cleveland & Devlin 1988), row by row."""
    smooth = np.empty(len(risk))
    for at, here in enumerate(risk):
        away = np.abs(risk - here)
        reach = np.sort(away)[int(np.ceil(span * len(risk))) - 1]
        root = np.sqrt(np.clip(1 - (away / reach) ** 3, 0, None) ** 3)
        columns = np.stack([np.ones(len(risk)), risk - here], axis=1)
        smooth[at] = np.linalg.lstsq(columns * root[:, None], label * root, rcond=None)[0][0]
    return np.clip(smooth, 0, 1)


@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0])
def test_bins_are_as_good_as_rows(slope):
    generator = np.random.default_rng(4)
    odds = generator.normal(-1, 1.2, 1500)
    risk, true = 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(-slope * odds))
    label = (generator.random(1500) < true).astype(float)

    assert ici(label, risk) == pytest.approx(np.abs(risk - loess(risk, label)).mean(), abs=1e-3)


def test_risks_that_are_right_are_near_0_and_those_that_are_a_tenth_too_high_a_tenth_away():
    generator = np.random.default_rng(5)
    risk = generator.uniform(0.1, 0.9, 200_000)
    label = generator.random(200_000) < risk

    assert ici(label, risk) < 0.005
    assert ici(label, risk + 0.1) == pytest.approx(0.1, abs=0.005)


def test_few_risks_are_each_compared_with_their_own_share():
    assert ici([0, 1, 1, 1, 0, 0, 0, 1], [0.5] * 4 + [0.2] * 4) == pytest.approx(
        (4 * 0.25 + 4 * 0.05) / 8
    )
