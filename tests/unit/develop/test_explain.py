"""Explanations find what was planted, hide small cells, and say how sure they are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression

from bedside.core.records.declaration import Learner
from bedside.core.records.outcome import Outcome
from bedside.core.records.training import Fill, Imputation
from bedside.develop.evaluate.explanations_page import explanations_section
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.explain.checks import counter_checks, driver_of
from bedside.develop.explain.explained import Explained
from bedside.develop.explain.importance import feature_importance, shares, signal_importance
from bedside.develop.explain.permutation import permutation_losses
from bedside.develop.explain.refitting import drawn_rows
from bedside.develop.explain.shapes import shape_of
from bedside.develop.explain.stability import agreement, jaccard_by_chance, reason_stability
from bedside.develop.train.learners.loading import learner_names, learner_of
from bedside.develop.train.matrix import Matrix
from bedside.features.definition import Feature, FeatureSet
from bedside.metrics.bootstrap import replicate_counts
from trained import a_declaration

NAMES = ("driver", "brake", "noise", "copy")
QUICK = {
    "lightgbm": {"rounds": 30},
    "boosted_cox": {"rounds": 60},
    "ebm": {"parameters": {"outer_bags": 2, "max_rounds": 100, "interactions": 0, "max_bins": 32}},
}
CASES = [
    (name, outcome) for name in learner_names() for outcome in sorted(learner_of(name).outcomes)
]


def a_feature(name, signal=None, **changes):
    usual = Feature(
        name=name, signal=signal or name, codes=(f"LAB//{name}",), label=name, aggregate="last",
        window_hours=None, unit="mmol/L",
    )  # fmt: skip
    return replace(usual, **changes)


FEATURES = FeatureSet(features=tuple(a_feature(name) for name in NAMES))


def explained(values, contributions, subject=None, features=None):
    told = features or FeatureSet(
        features=tuple(a_feature(f"f{at}") for at in range(values.shape[1]))
    )
    subject = np.arange(len(values)) if subject is None else subject
    return Explained(feature_set=told, values=values, contributions=contributions, subject=subject)


def options_of(name, outcome):
    if name != "ensemble":
        return Learner(kind=name, threads=1, **QUICK.get(name, {}))
    members = {"regression": ("lightgbm", "linear"), "survival": ("cox", "boosted_cox")}
    both = members.get(outcome, ("lightgbm", "logistic"))
    return Learner(kind=name, threads=1, members=tuple(options_of(one, outcome) for one in both))


def declared(learner, outcome="binary", **changes):
    usual = a_declaration(learner=learner, **changes)
    levels = ("none", "some", "much") if outcome in ("multiclass", "ordinal") else ()
    horizons = ("5 d", "20 d") if outcome == "survival" else ()
    asked = replace(usual.question, outcome=Outcome(kind=outcome, levels=levels, horizons=horizons))
    return replace(usual, question=asked)


def rows(outcome, seed, n=400):
    """The first feature brings the outcome about, the second holds it back; two say nothing."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(n, len(NAMES)))
    drive = 2 * values[:, 0] - values[:, 1]
    label, target = np.zeros(n, np.int64), None
    if outcome == "binary":
        label = (drive + generator.logistic(size=n) > 0).astype(np.int64)
    elif outcome == "regression":
        target = 40 + 10 * drive + generator.normal(size=n)
    elif outcome == "survival":
        times = generator.exponential(10 * np.exp(-np.stack([drive, np.zeros(n)])))
        censored = generator.uniform(5, 40, n)
        target = np.minimum(times.min(axis=0), censored)
        label = np.where(target == censored, 0, 1 + times.argmin(axis=0))
    else:
        label = np.digitize(drive + 0.7 * generator.logistic(size=n), [-0.5, 1.0])
    subject = np.arange(n)
    return Matrix(features=values, label=label, names=NAMES, target=target, subject=subject)


@pytest.mark.parametrize(("name", "outcome"), CASES)
def test_every_learner_puts_a_planted_driver_first_and_planted_noise_low(name, outcome):
    declaration = declared(options_of(name, outcome), outcome)
    train, tuning, held_out = (rows(outcome, seed) for seed in (1, 2, 3))

    told = counter_checks(declaration, FEATURES, train, tuning, held_out, copied=0)

    assert told["passed"]
    assert told["driver"]["rank"] == 1
    assert told["driver"]["of"] == len(NAMES) + 1
    assert told["irrelevant"]["rank"] >= 3  # after the driver and the brake
    assert told["irrelevant"]["share"] < 0.15


def test_a_model_that_leans_on_noise_fails_its_counter_check():
    """Thirty rows, labels by chance, and trees that learn them by heart."""
    learner = Learner(
        kind="lightgbm", threads=1, rounds=100,
        parameters={"min_data_in_leaf": 1, "min_data_in_bin": 1, "num_leaves": 31},
    )  # fmt: skip
    generator = np.random.default_rng(4)
    by_chance = [
        replace(rows("binary", seed, n=30), label=np.arange(30) % 2 == generator.integers(2))
        for seed in (5, 6, 7)
    ]
    by_chance = [replace(one, label=one.label.astype(np.int64)) for one in by_chance]

    told = counter_checks(declared(learner), FEATURES, *by_chance, copied=3)

    assert not told["irrelevant"]["passed"]
    assert not told["passed"]


def test_a_planted_feature_needs_no_normal_value_and_takes_the_fill_of_what_it_copies():
    fills = Imputation(default=Fill(method="normal"), features={"driver": Fill(method="median")})
    signals = {name: a_declaration().signals["mean_radius"] for name in NAMES}
    declaration = declared(Learner(kind="logistic", threads=1), imputation=fills, signals=signals)
    train = rows("binary", 1)
    train.features[::5, 0] = np.nan

    told = counter_checks(declaration, FEATURES, train, rows("binary", 2), train, copied=0)

    assert told["passed"]


def test_the_planted_driver_of_survival_is_the_martingale_residual():
    """Followed 1, 2 and 3 days, the second censored: hazards 1/3, 1/3, 1/3 + 1."""
    some = Matrix(
        features=np.zeros((3, 1)), label=np.array([1, 0, 1]), names=("a",),
        target=np.array([1.0, 2.0, 3.0]),
    )  # fmt: skip

    class Still:
        def normal(self, size):
            return np.zeros(size)

    found = driver_of("survival", some, Still())

    np.testing.assert_allclose(found, [1 - 1 / 3, -1 / 3, 1 - 4 / 3])


def test_shares_are_of_the_mean_absolute_contribution_with_an_interval_by_subject():
    generator = np.random.default_rng(1)
    subject = np.sort(generator.integers(0, 40, 200))
    subject = np.unique(subject, return_inverse=True)[1]
    gave = generator.normal(size=(200, 3)) * [4, 2, 0]
    some = explained(gave, gave, subject)
    counts = replicate_counts(some.subjects, 300, 7)

    told = feature_importance(some, counts)

    size = np.abs(gave).mean(axis=0)
    drawn = []
    for one in counts:  # the slow way: take every row as often as its subject is drawn
        again = np.abs(np.repeat(gave, one[subject], axis=0)).mean(axis=0)
        drawn.append(again / again.sum())
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    for at, one in enumerate(told):
        assert one["feature"] == f"f{at}"
        assert one["share"] == pytest.approx(size[at] / size.sum(), rel=1e-5)
        assert (one["low"], one["high"]) == pytest.approx((low[at], high[at]), rel=1e-5)


def test_features_of_one_signal_are_added_up_before_their_size_is_taken():
    features = FeatureSet(
        features=(
            a_feature("lactate.max", "lactate"),
            a_feature("age"),
            a_feature("lactate.min", "lactate"),
        )
    )  # fmt: skip
    gave = np.array([[3.0, 1.0, -2.0]] * 4)
    some = explained(gave, gave, features=features)

    told = signal_importance(some, replicate_counts(4, 10, 1))

    assert [(one["signal"], one["share"]) for one in told] == [("lactate", 0.5), ("age", 0.5)]
    assert told[0]["features"] == ["lactate.max", "lactate.min"]


def test_a_model_that_says_nothing_has_no_shares():
    share, ends = shares(np.zeros((5, 2)), replicate_counts(5, 10, 1))

    assert share.tolist() == [0, 0]
    assert ends.tolist() == [[0, 0], [0, 0]]


def test_a_shape_is_the_mean_contribution_by_tenth_of_the_value():
    generator = np.random.default_rng(2)
    values = generator.normal(size=(2000, 1))
    gave = 3 * values + generator.normal(size=(2000, 1))
    values[::10] = np.nan

    told = shape_of(explained(values, gave), 0, replicate_counts(2000, 50, 1))

    known = ~np.isnan(values[:, 0])
    order = np.argsort(values[known, 0])
    tenths = np.array_split(np.arange(known.sum())[order], 10)
    expected = [gave[known][some].mean() for some in tenths]
    cells = told["cells"][:-1]
    np.testing.assert_allclose([one["contribution"] for one in cells], expected, rtol=1e-4)
    assert told["cells"][-1]["label"] == "missing"
    assert told["cells"][-1]["value"] is None
    assert told["unit"] == "mmol/L"
    assert all(one["low"] < one["contribution"] < one["high"] for one in told["cells"])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=60),
    st.integers(1, 20),
)
def test_no_cell_of_a_shape_is_of_ten_subjects_or_fewer(values, subjects):
    column = np.array(values, dtype=float)
    subject = np.unique(np.arange(len(values)) % subjects, return_inverse=True)[1]
    labels = ("none", "some", "much", "most")
    told = FeatureSet(features=(a_feature("f0", categories=labels),))
    some = explained(column[:, None], column[:, None], subject, told)

    cells = shape_of(some, 0, replicate_counts(some.subjects, 5, 1))["cells"]

    shown = {one["label"] for one in cells}
    for at, label in enumerate(labels):
        assert (label in shown) == (len(set(subject[column == at])) > 10)


def test_the_loss_by_shuffling_is_that_of_scikit_learn():
    generator = np.random.default_rng(3)
    values = generator.normal(size=(1500, 3))
    label = (1.5 * values[:, 0] + 0.5 * values[:, 1] + generator.logistic(size=1500) > 0) * 1
    model = LogisticRegression().fit(values, label)

    def judged(some):
        risk = model.predict_proba(some)[:, 1]
        everyone = np.arange(len(some))
        return Rows(risk=risk, label=label, subject=everyone, days=np.ones(len(some)))

    told = permutation_losses(values, [np.array([at]) for at in range(3)], judged, seed=1)

    theirs = permutation_importance(
        model, values, label, scoring="roc_auc", n_repeats=20, random_state=1
    )
    for one, mean in zip(told, theirs.importances_mean, strict=True):
        assert one["metric"] == "auroc"
        assert one["estimate"] == pytest.approx(mean, abs=0.02)
        assert one["low"] <= one["estimate"] <= one["high"]
    assert told[0]["low"] > told[1]["high"] > 0


def test_a_greater_error_is_a_loss_too():
    values = np.arange(200.0)[:, None]

    def judged(some):
        return Rows(
            risk=some[:, 0], label=np.zeros(200, np.int64), subject=np.arange(200),
            days=np.ones(200), outcome="regression", target=values[:, 0], outputs=some,
        )  # fmt: skip

    told = permutation_losses(values, [np.array([0])], judged, seed=1)

    assert told[0]["metric"] == "mae"
    assert told[0]["low"] > 10


def test_agreement_is_that_of_a_loop_over_rows():
    generator = np.random.default_rng(5)
    one, other = generator.normal(size=(2, 50, 6))
    other += one

    told = agreement([one, other])

    shared = []
    for a, b in zip(one, other, strict=True):
        first, second = (set(np.argsort(-np.abs(part))[:3]) for part in (a, b))
        shared.append(len(first & second) / len(first | second))
    ranks = [spearmanr(a, b).statistic for a, b in zip(one, other, strict=True)]
    first = np.abs(one).argmax(axis=1) == np.abs(other).argmax(axis=1)
    assert told["jaccard"]["mean"] == pytest.approx(np.mean(shared), rel=1e-5)
    assert told["spearman"]["mean"] == pytest.approx(np.mean(ranks), rel=1e-5)
    assert told["first"]["mean"] == pytest.approx(first.mean(), rel=1e-5)


def test_agreement_by_chance_is_that_of_drawing():
    generator = np.random.default_rng(6)
    drawn = [
        (set(generator.permutation(8)[:3]), set(generator.permutation(8)[:3])) for _ in range(4000)
    ]

    found = np.mean([len(a & b) / len(a | b) for a, b in drawn])

    assert jaccard_by_chance(8, 3) == pytest.approx(found, abs=0.02)


def test_a_signal_that_moved_nothing_is_no_reason():
    still = np.zeros((4, 3))

    told = agreement([still, still])

    assert told["jaccard"] is None
    assert told["first"] is None
    assert told["spearman"] is None


def test_reasons_are_steady_where_much_is_known_and_not_where_little_is():
    learner = Learner(kind="lightgbm", threads=1, rounds=20)
    held_out = rows("binary", 9, n=100).features
    little = rows("binary", 1, n=80)
    told = {
        n: reason_stability(declared(learner), FEATURES, rows("binary", 1, n=n), little, held_out)
        for n in (80, 3000)
    }

    assert told[3000]["refits"] == 5
    assert told[3000]["spearman"]["mean"] > told[80]["spearman"]["mean"]
    assert told[3000]["first"]["mean"] > 0.7


def test_resamples_without_an_outcome_say_why_there_is_no_figure():
    none = replace(rows("binary", 1, n=40), label=np.zeros(40, np.int64))

    told = reason_stability(declared(Learner(kind="logistic")), FEATURES, none, none, none.features)

    assert set(told) == {"why"}


def test_rows_are_drawn_by_whole_patients():
    subject = np.repeat(np.arange(50), np.arange(50) % 4 + 1)

    some = drawn_rows(subject, 60, 3, again=False)
    again = drawn_rows(subject, 10_000, 3, again=True)

    kept = np.unique(subject[some])
    assert some.tolist() == np.flatnonzero(np.isin(subject, kept)).tolist()
    assert len(kept) == 60 * 50 // len(subject)
    times = np.bincount(again, minlength=len(subject))
    assert all(len(set(times[subject == one])) == 1 for one in range(50))
    assert times.max() > 1


def told_by_a_build(**changes):
    usual = {
        "by_signal": [
            {
                "signal": "lactate", "text": "lactate", "share": 0.6, "low": 0.5, "high": 0.7,
                "features": ["lactate.last"],
                "loss": {"metric": "auroc", "estimate": 0.1, "low": 0.05, "high": 0.2, "n": 99},
            },
            {
                "signal": "sex", "text": "<sex>", "share": 0.4, "low": 0.3, "high": 0.5,
                "features": ["sex.last"],
            },
        ],
        "shapes": [
            {
                "feature": "lactate.last", "text": "lactate", "unit": "mmol/L",
                "cells": [cell(1.0, -0.5), cell(4.0, 0.75), cell(None, 0.125, "missing")],
            },
            {
                "feature": "sex.last", "text": "sex", "unit": None,
                "cells": [cell(0.0, 0.1, "female"), cell(1.0, -0.1, "male")],
            },
            {"feature": "rare", "text": "rare", "unit": None, "cells": []},
        ],
        "stability": {
            "refits": 5, "training_rows": 1000, "rows": 99, "top": 3,
            "jaccard": {"mean": 0.5, "lowest": 0.25, "highest": 0.75}, "jaccard_by_chance": 0.125,
            "first": {"mean": 0.875, "lowest": 0.5, "highest": 1.0}, "spearman": None,
        },
        "checks": {
            "irrelevant": {
                "share": 0.01, "rank": 3, "of": 3, "copy_of": "lactate", "original_share": 0.6,
                "passed": True,
            },
            "driver": {"share": 0.9, "rank": 1, "of": 3, "passed": True},
            "passed": True,
        },
    }  # fmt: skip
    return {"explanations": {**usual, **changes}}


def cell(value, contribution, label=None):
    ends = {"low": contribution - 0.25, "high": contribution + 0.25}
    return {"value": value, "label": label, "contribution": contribution, **ends}


def test_the_page_tells_shares_losses_shapes_stability_and_checks():
    page = str(explanations_section(told_by_a_build(), "survival"))

    assert "60.0 % (50.0 to 70.0)" in page
    assert "0.100 (0.050 to 0.200)" in page
    assert "Missing: +0.12 (-0.12 to +0.38)" in page
    assert "lactate [mmol/L]" in page
    assert "female" in page
    assert "log-hazard" in page
    assert page.count("<svg") == 3  # shares, lactate, sex; nothing of what has no cells
    assert "the same to 50 %" in page
    assert "Sanity of the explanations: passed." in page
    assert "<sex>" not in page


def test_the_page_says_when_checks_fail_or_could_not_be_made():
    failed = told_by_a_build()["explanations"]["checks"] | {"passed": False}
    none = {"why": "the model uses no feature"}

    page = str(explanations_section(told_by_a_build(checks=failed, stability=none)))

    assert "Sanity of the explanations: NOT PASSED." in page
    assert "Stability: not measured, since the model uses no feature." in page
    assert "not checked, since" in str(explanations_section(told_by_a_build(checks=none)))
