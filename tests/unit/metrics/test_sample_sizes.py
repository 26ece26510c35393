"""Numbers of subjects against a published table, a textbook formula and simulated tests."""

import numpy as np
import pytest
from scipy.stats import norm

from bedside.core.errors import Invalid
from bedside.metrics.sample_sizes import (
    auroc_power,
    auroc_sample_size,
    auroc_variance,
    mean_sample_size,
    observed_expected_sample_size,
)
from detected import ascending

HANLEY_MCNEIL = {0.80: 652, 0.90: 897, 0.95: 1131}
"""Table III of Radiology 1982;143(1):29-36: of each kind and sample, for areas 0.70 and 0.75,
one-sided at 5 %."""


@pytest.mark.parametrize(("power", "number"), HANLEY_MCNEIL.items())
def test_the_power_is_that_of_the_published_table(power, number):
    found = auroc_power(
        0.70, -0.05, events=number, non_events=number, error=0.05, sides=1,
        baseline=(number, number),
    )  # fmt: skip

    assert found == pytest.approx(power, abs=0.002)


def test_the_variance_is_that_of_the_areas_of_simulated_exponential_scores():
    rng = np.random.default_rng(1)
    auroc, events, others = 0.8, 30, 70
    rate = auroc / (1 - auroc)  # of exponential scores with this area
    cases = rng.exponential(rate, (4000, events, 1))
    areas = (cases > rng.exponential(1.0, (4000, 1, others))).mean(axis=(1, 2))

    assert areas.mean() == pytest.approx(auroc, abs=0.003)
    assert areas.var() == pytest.approx(auroc_variance(auroc, events, others), rel=0.08)


def test_the_size_is_the_smallest_that_has_the_power():
    size = auroc_sample_size(0.85, 0.05, event_share=0.2, power=0.8)

    def power(subjects):
        events = 0.2 * subjects
        return auroc_power(0.85, 0.05, events=events, non_events=subjects - events)

    assert power(size.subjects) >= 0.8 > power(size.subjects - 1)
    assert size.events + size.non_events == size.subjects


def test_an_uncertain_baseline_needs_more_subjects_and_a_small_one_makes_it_impossible():
    known = auroc_sample_size(0.85, 0.05, event_share=0.1)
    measured = auroc_sample_size(0.85, 0.05, event_share=0.1, baseline=(1000, 9000))

    assert known.subjects < measured.subjects < 2 * known.subjects
    with pytest.raises(Invalid, match="baseline is too uncertain"):
        auroc_sample_size(0.85, 0.05, event_share=0.1, baseline=(100, 900))
    ratio = [
        observed_expected_sample_size(1.2, mean_risk=0.1, baseline=n) for n in (None, 10_000, 4_000)
    ]
    assert ascending(ratio)
    with pytest.raises(Invalid, match="baseline is too uncertain"):
        observed_expected_sample_size(1.2, mean_risk=0.1, baseline=1000)


def test_a_ratio_of_risks_that_are_all_the_same_needs_what_one_proportion_needs():
    p, q, a, b = 0.1, 0.12, norm.ppf(0.975), norm.ppf(0.9)
    textbook = ((a * np.sqrt(p * (1 - p)) + b * np.sqrt(q * (1 - q))) / (q - p)) ** 2

    assert observed_expected_sample_size(1.2, mean_risk=0.1) == int(np.ceil(textbook))


def test_a_ratio_is_found_with_the_stated_power_in_simulated_tests():
    rng = np.random.default_rng(2)
    risks = rng.beta(2, 10, 200_000)
    n = observed_expected_sample_size(
        1.3, mean_risk=risks.mean(), risk_variance=risks.var(), power=0.85
    )
    drawn = rng.choice(risks, (3000, n))
    observed = (rng.random(drawn.shape) < np.minimum(1.3 * drawn, 1)).sum(axis=1)
    z = (observed - drawn.sum(axis=1)) / np.sqrt((drawn * (1 - drawn)).sum(axis=1))

    assert (np.abs(z) > norm.ppf(0.975)).mean() == pytest.approx(0.85, abs=0.03)


def test_a_mean_needs_what_the_normal_test_needs():
    assert mean_sample_size(-0.5, sd=1) == mean_sample_size(0.5, sd=1) == 43
    assert mean_sample_size(0.5, sd=1, sides=1) < 43 < mean_sample_size(0.5, sd=1, sd_after=2)


@pytest.mark.parametrize(
    "asked",
    [
        lambda: auroc_variance(1.0, 5, 5),
        lambda: auroc_variance(0.8, 0, 5),
        lambda: auroc_power(0.8, 0.9, events=5, non_events=5),
        lambda: auroc_power(0.8, 0.1, events=5, non_events=5, sides=3),
        lambda: auroc_sample_size(0.8, 0.0, event_share=0.1),
        lambda: auroc_sample_size(0.8, 0.1, event_share=1.0),
        lambda: observed_expected_sample_size(1.0, mean_risk=0.1),
        lambda: observed_expected_sample_size(5.0, mean_risk=0.3),
        lambda: observed_expected_sample_size(1.2, mean_risk=0.3, risk_variance=0.3),
        lambda: observed_expected_sample_size(1.9, mean_risk=0.5, risk_variance=0.2),
        lambda: mean_sample_size(0.0, sd=1),
        lambda: mean_sample_size(0.1, sd=0.0),
        lambda: mean_sample_size(0.1, sd=1, error=0),
    ],
)
def test_what_has_no_answer_is_refused_with_its_fix(asked):
    with pytest.raises(Invalid, match="Fix:"):
        asked()
