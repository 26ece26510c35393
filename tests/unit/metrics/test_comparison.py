"""DeLong's interval and test against the paper's own sums over pairs."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from bedside.core.errors import Invalid
from bedside.metrics.comparison import auroc_interval, delong_test


def slowly(label, risks):
    """Equations 4 to 6 of DeLong et al. 1988, by the kernel over all pairs."""
    parts = []
    for risk in risks:
        ill, well = risk[label == 1][:, None], risk[label == 0][None, :]
        parts.append((ill > well) + 0.5 * (ill == well))
    of_ill, of_well = [part.mean(axis=1) for part in parts], [part.mean(axis=0) for part in parts]
    m, n = parts[0].shape
    return [part.mean() for part in parts], np.cov(of_ill) / m + np.cov(of_well) / n


def two_models(seed=1, n=80):
    generator = np.random.default_rng(seed)
    truth = generator.uniform(0, 1, n)
    label = (generator.random(n) < truth).astype(int)
    noisy = [np.clip(truth + generator.normal(0, s, n), 0, 1).round(2) for s in (0.2, 0.5)]
    return label, *noisy


def test_the_difference_its_interval_and_its_p_value_are_the_papers():
    label, a, b = two_models()
    areas, covariance = slowly(label, (a, b))
    error = np.sqrt([1, -1] @ covariance @ [1, -1])
    gap = areas[0] - areas[1]

    found = delong_test(label, a, b)

    assert found.difference == pytest.approx(roc_auc_score(label, a) - roc_auc_score(label, b))
    assert (found.low, found.high) == pytest.approx(norm.interval(0.95, gap, error))
    assert found.p == pytest.approx(2 * norm.sf(abs(gap) / error))


def test_the_interval_of_one_area_is_the_papers():
    label, a, b = two_models(seed=2)
    areas, covariance = slowly(label, (a, b))

    assert auroc_interval(label, a) == pytest.approx(
        (areas[0], *norm.interval(0.95, areas[0], np.sqrt(covariance[0, 0])))
    )


def test_two_models_that_differ_by_chance_alone_are_seldom_told_apart():
    p = [
        delong_test(label, a, b).p
        for seed in range(300)
        for generator in (np.random.default_rng(seed),)
        for label in (generator.integers(0, 2, 100),)
        for a, b in ((generator.random(100), generator.random(100)),)
    ]

    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.09


def test_models_that_rank_alike_do_not_differ_and_one_class_is_refused():
    label, a, _ = two_models()

    assert delong_test(label, a, a**3) == (0.0, 0.0, 0.0, 1.0)
    with pytest.raises(Invalid, match="fewer than two rows"):
        delong_test([0, 0, 1], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3])
