"""Intervals drawn in blocks, by subgroup and of two models, against one resample at a time."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import bootstrap

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Evaluation
from bedside.develop.evaluate.intervals import (
    difference_estimates,
    drawn_by,
    estimates,
    estimates_by,
    net_benefit_curve,
)
from bedside.develop.evaluate.statistics import Rows, statistics
from bedside.metrics.bootstrap import estimate_from, left_out, replicate_blocks, replicate_counts

OPTIONS = Evaluation(bootstrap=70)


def some_rows(seed=1, subjects=60, per=4):
    generator = np.random.default_rng(seed)
    risk = np.round(generator.uniform(0.02, 0.98, subjects * per), 2)
    label = (generator.random(len(risk)) < risk).astype(np.int64)
    return Rows(
        risk=risk,
        label=label,
        subject=np.repeat(np.arange(subjects), per),
        days=np.ones(len(risk)),
    )


def test_each_resample_is_the_figure_of_its_subjects():
    rows = some_rows()
    masks = {
        "whole": np.ones(240, dtype=bool),
        "part": rows.subject % 3 == 0,
        "nobody": rows.risk > 2,
    }
    counts = replicate_counts(rows.subjects, OPTIONS.bootstrap, 5)

    made = drawn_by(rows, masks, 0.4, OPTIONS, 5)

    for name, members in (("whole", np.arange(60)), ("part", np.arange(0, 60, 3))):
        single = statistics(rows.taken(masks[name]), 0.4, utility=False, repeated=False)
        assert made[name].keys() == single.keys()
        for figure, one in single.items():
            expected = [one(row[members].astype(float)) for row in counts]
            assert made[name][figure].drawn == pytest.approx(expected, abs=1e-9, nan_ok=True)
            assert made[name][figure].point == pytest.approx(one(np.ones(len(members))), abs=1e-9)
    assert made["nobody"] == {}


def test_blocks_draw_what_one_table_draws():
    blocks = list(replicate_blocks(7, 10, 3, 4))

    assert [len(block) for block in blocks] == [4, 4, 2]
    assert (np.concatenate(blocks) == replicate_counts(7, 10, 3)).all()


def test_an_interval_without_a_threshold_has_no_alerts():
    found = estimates(some_rows(), None, OPTIONS, 1)

    assert "auroc" in found
    assert not {"sensitivity", "net_benefit", "alerts_per_100_subjects"} & found.keys()


def test_bca_is_that_of_scipy():
    values = np.random.default_rng(2).exponential(1, 40)
    theirs = bootstrap((values,), np.mean, method="BCa", n_resamples=3000, rng=1)
    jackknife = np.array([np.delete(values, at).mean() for at in range(40)])

    ours = estimate_from(
        values.mean(), theirs.bootstrap_distribution, 40, interval="bca", jackknife=jackknife
    )

    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), rel=1e-3)
    plain = estimate_from(values.mean(), theirs.bootstrap_distribution, 40)
    assert ours.high > plain.high


def test_leaving_out_groups_finds_the_acceleration_of_leaving_out_each():
    values = np.random.default_rng(3).exponential(1, 4000)

    def acceleration(figures):
        away = figures.mean() - figures
        return (away**3).sum() / (6 * (away**2).sum() ** 1.5)

    groups = np.concatenate([values @ w / w.sum(axis=0) for w in left_out(4000, 32)])
    each = (values.sum() - values) / 3999

    assert len(groups) == 200
    assert acceleration(groups) == pytest.approx(acceleration(each), abs=0.005)


def test_bca_reaches_the_report_for_every_figure():
    options = replace(OPTIONS, interval="bca")
    found, plain = estimates(some_rows(), 0.4, options, 1), estimates(some_rows(), 0.4, OPTIONS, 1)

    assert all(figure["low"] <= figure["high"] for figure in found.values())
    assert found["nne"]["estimate"] == plain["nne"]["estimate"]
    assert found["nne"]["low"] != plain["nne"]["low"]


def test_the_difference_of_two_models_is_drawn_on_the_same_subjects():
    rows = some_rows()
    other = replace(rows, risk=np.round(0.5 * rows.risk + 0.2, 2))
    counts = replicate_counts(60, OPTIONS.bootstrap, 1)
    a, b = (statistics(one, 0.4, utility=False, repeated=False)["brier"] for one in (rows, other))
    drawn = [a(row.astype(float)) - b(row.astype(float)) for row in counts]

    found = difference_estimates(rows, other, 0.4, 0.4, OPTIONS, 1, only=("brier", "auroc"))

    assert found.keys() == {"brier", "auroc"}
    assert (found["brier"]["low"], found["brier"]["high"]) == pytest.approx(
        tuple(np.percentile(drawn, [2.5, 97.5]))
    )
    with pytest.raises(Invalid, match="same subjects"):
        difference_estimates(rows, some_rows(subjects=59), 0.4, 0.4, OPTIONS, 1)


def test_subjects_with_one_class_have_figures_but_no_ranking():
    rows = some_rows()
    calm = replace(rows, label=np.zeros(240, dtype=np.int64))

    found = estimates_by(calm, {"all": rows.risk > 0}, 0.4, OPTIONS, 1)["all"]

    assert "everybody has, the outcome" in found["auroc"]["why"]
    assert found["specificity"]["estimate"] is not None


def test_one_subject_with_most_rows_makes_the_interval_as_wide_as_one_subject_can():
    generator = np.random.default_rng(1)
    subject = np.append(np.arange(50), np.full(10_000, 50))
    risk = generator.uniform(0.1, 0.9, subject.size)
    label = (generator.random(subject.size) < risk).astype(np.int64)
    rows = Rows(risk=risk, label=label, subject=subject, days=np.ones(subject.size))

    found = estimates(rows, 0.5, Evaluation(bootstrap=200), 1, only=("brier",))["brier"]

    alone = estimates(rows.taken(subject < 50), 0.5, Evaluation(bootstrap=200), 1, ("brier",))
    assert found["high"] - found["low"] > 0.3 * (alone["brier"]["high"] - alone["brier"]["low"])


def test_a_decision_curve_is_the_net_benefit_at_each_threshold():
    rows, bars = some_rows(), np.array([0.1, 0.3, 0.62])

    curve = net_benefit_curve(rows, bars, OPTIONS, 1)

    for at, bar in enumerate(bars):
        single = estimates(rows, bar, OPTIONS, 1, ("net_benefit",))["net_benefit"]
        assert (curve["model"][at], curve["low"][at], curve["high"][at]) == pytest.approx(
            (single["estimate"], single["low"], single["high"])
        )
    always = estimates(rows, 0.0, OPTIONS, 1, ("sensitivity",))["sensitivity"]["estimate"]
    share = rows.label.mean()
    assert always == 1.0
    assert curve["treat_all"] == pytest.approx(share - (1 - share) * bars / (1 - bars))
    with pytest.raises(Invalid, match="ascend"):
        net_benefit_curve(rows, bars[::-1], OPTIONS, 1)


def test_risks_that_part_the_classes_perfectly_have_no_slope_and_say_so():
    rows = some_rows()
    sure = replace(rows, label=(rows.risk > 0.5).astype(np.int64))

    found = estimates(sure, 0.5, OPTIONS, 1)

    assert found["auroc"]["estimate"] == 1.0
    assert found["calibration_slope"]["estimate"] is None
    assert "part the classes perfectly" in found["calibration_slope"]["why"]
