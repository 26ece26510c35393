"""What is found about a new site's feeds, what is to be expected there, and what is decided."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.records.declaration import Gate
from bedside.develop.evaluate.likely_units import LooksLike, Usual, looks_like
from bedside.develop.evaluate.onboarding import (
    Feed,
    UnitMet,
    expected_performance,
    findings_of,
)
from bedside.develop.evaluate.onboarding_verdict import decided
from bedside.metrics.calibration import log_odds
from bedside.metrics.discrimination import auroc
from bedside.metrics.expected import expected_auroc

RANDOM = np.random.default_rng(5)
USUAL = {
    ("mg/dL", "LOINC//2345-7"): Usual(low=80, high=220, median=115),
    ("mmol/L", "LOINC//2345-7"): Usual(low=4.4, high=12.2, median=6.4),
    ("Cel", "LOINC//8310-5"): Usual(low=36.1, high=38.3, median=36.9),
    ("mm[Hg]", "LOINC//8480-6"): Usual(low=95, high=160, median=122),
    ("mg/dL", "LOINC//2160-0"): Usual(low=0.6, high=2.4, median=0.9),
    ("kg", "LOINC//29463-7"): Usual(low=55, high=110, median=80),
}
PLANTED = [
    ("mg/dL", "LOINC//2345-7", "mmol/L", 1 / 18.0156, 0.0),
    ("mmol/L", "LOINC//2345-7", "mg/dL", 18.0156, 0.0),
    ("Cel", "LOINC//8310-5", "[degF]", 1.8, 32.0),
    ("mm[Hg]", "LOINC//8480-6", "kPa", 0.1333224, 0.0),
    ("mg/dL", "LOINC//2160-0", "umol/L", 88.4, 0.0),
    ("kg", "LOINC//29463-7", "g", 1000.0, 0.0),
]


def values_like(usual, size=400, *, apart=0.0, random=RANDOM):
    middle, spread = (usual.low + usual.high) / 2 + apart, (usual.high - usual.low) / 2.56
    return random.normal(middle, spread, size).clip(usual.low / 1.5, usual.high * 1.5)


@pytest.mark.parametrize(("unit", "code", "other", "factor", "offset"), PLANTED)
@pytest.mark.parametrize("part", [1.0, 0.4])
def test_a_planted_unit_is_named_and_how_many_values_are_in_it(
    unit, code, other, factor, offset, part
):
    usual = USUAL[unit, code]
    values = values_like(usual)
    changed = np.arange(len(values)) < part * len(values)
    values[changed] = values[changed] * factor + offset

    found = looks_like(values, usual, unit, [code])

    assert found is not None
    assert found.unit == other
    assert found.share == pytest.approx(part, abs=0.05)


@pytest.mark.parametrize(("unit", "code"), list(USUAL))
@given(
    shift=st.floats(-0.25, 0.25),
    size=st.sampled_from([5, 50, 300]),
    seed=st.integers(0, 2**32 - 1),
)
def test_other_patients_are_not_another_unit(unit, code, shift, size, seed):
    usual, random = USUAL[unit, code], np.random.default_rng(seed)
    values = values_like(usual, size, apart=shift * (usual.high - usual.low), random=random)

    assert looks_like(values, usual, unit, [code]) is None


def a_feed(**changes):
    told = {
        "signal": "lactate",
        "label": "lactate",
        "codes": ("LOINC//2524-7",),
        "unit": "mmol/L",
        "required": False,
        "importance": 0.2,
        "missing_then": 0.1,
        "missing_here": 0.12,
        "subjects": 300,
        "whole": 300,
        "units": (),
        "delays_then": (0, 0, 90, 10, 0, 0, 0, 0),
        "delays_here": (0, 0, 85, 15, 0, 0, 0, 0),
        "dated": True,
    }
    return Feed(**(told | changes))


def a_unit(**changes):
    told = {
        "unit": "mmol/L", "values": 300, "state": "as declared", "median": 1.5, "usual": 1.4,
        "looks": None,
    }  # fmt: skip
    return UnitMet(**(told | changes))


@pytest.mark.parametrize(
    ("changes", "kind", "stops", "words"),
    [
        ({"missing_here": 0.97}, "feed", True, "is missing: 97 %"),
        ({"missing_here": 0.97, "importance": 0.001}, "feed", False, "is missing"),
        ({"missing_here": 0.97, "importance": 0.001, "required": True}, "feed", True, "is missing"),
        ({"missing_here": 0.5}, "feed", False, "more seldom"),
        ({"units": (a_unit(unit="mg", state="clash"),)}, "unit", True, "does not convert"),
        (
            {"units": (a_unit(looks=LooksLike(unit="mg/dL", share=1.0, times=0.1)),)},
            "unit",
            True,
            "look like mg/dL",
        ),
        ({"delays_here": (0, 0, 10, 0, 90, 0, 0, 0)}, "delay", False, "later here"),
        ({"delays_here": (100, 0, 0, 0, 0, 0, 0, 0)}, "delay", False, "sooner here"),
    ],
)
def test_what_is_wrong_with_a_feed_is_said_with_what_to_do(changes, kind, stops, words):
    (found,) = findings_of([a_feed(**changes)])

    assert (found.kind, found.stops) == (kind, stops)
    assert words in found.text
    assert found.do


def test_a_feed_that_is_as_it_was_is_not_spoken_of():
    assert findings_of([a_feed(), a_feed(delays_then=None), a_feed(dated=False)]) == []


def test_what_was_never_told_at_the_build_is_not_missed():
    assert findings_of([a_feed(missing_then=0.98, missing_here=0.99)]) == []


def test_with_right_risks_the_expected_auroc_is_the_one_that_comes():
    risk = RANDOM.beta(2, 5, 60_000)
    label = (RANDOM.random(60_000) < risk).astype(float)

    assert expected_auroc(risk) == pytest.approx(auroc(label, risk), abs=0.006)


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=30))
def test_an_expected_auroc_is_that_of_all_pairs(risks):
    risk = np.array(risks)
    pairs = np.outer(risk, 1 - risk)
    higher = (risk[:, None] > risk[None, :]) + 0.5 * (risk[:, None] == risk[None, :])

    assert expected_auroc(risk) == pytest.approx((pairs * higher).sum() / pairs.sum())


BUILT = {
    "metrics": {
        "calibration_slope": {"estimate": 1.0, "low": 0.9, "high": 1.1},
        "calibration_intercept": {"estimate": 0.0, "low": -0.1, "high": 0.1},
    },
    "case_mix": {"linear_predictor": {"mean": -1.0}},
}


def test_patients_who_are_more_alike_are_expected_to_be_ranked_less_well():
    wide, narrow = (1 / (1 + np.exp(1 - RANDOM.normal(0, sd, 2000))) for sd in (1.5, 0.3))
    subject = np.arange(2000)

    found = [expected_performance("binary", one, subject, BUILT, 1) for one in (wide, narrow)]

    assert found[0]["low"] > found[1]["high"]
    assert found[1]["low"] < found[1]["estimate"] < found[1]["high"]


def test_a_slope_below_one_lowers_what_is_to_be_expected():
    risk = 1 / (1 + np.exp(1 - RANDOM.normal(0, 1.5, 500)))
    flat = {**BUILT["metrics"], "calibration_slope": {"estimate": 0.5, "low": 0.4, "high": 0.6}}

    found = [
        expected_performance("binary", risk, np.arange(500), {**BUILT, "metrics": one}, 1)
        for one in (BUILT["metrics"], flat)
    ]

    assert found[1]["high"] < found[0]["estimate"]
    assert np.isfinite(log_odds(risk)).all()


def test_what_cannot_be_expected_says_why():
    told = expected_performance("survival", np.array([0.5]), np.array([0]), BUILT, 1)

    assert told["estimate"] is None
    assert "yes or no" in told["why"]


def figures(auroc=0.8, ratio=1.0, after=1.0):
    def one(value, half=0.05):
        return {"estimate": value, "low": value - half, "high": value + half, "n": 500}

    return {
        "metrics": {"auroc": one(auroc), "expected_observed_ratio": one(ratio)},
        "subgroups": {},
        "recalibration": {
            "advised": "intercept",
            "intercept": {"expected_observed_ratio": one(after)},
        },
    }


GATES = (
    Gate(metric="auroc", at_least=0.7, bound="low"),
    Gate(metric="expected_observed_ratio", at_most=1.3, bound="high"),
)
EXPECTED = {"estimate": 0.8, "low": 0.7, "high": 0.9}


@pytest.mark.parametrize(
    ("measured", "gates", "word"),
    [
        (figures(), GATES, "go"),
        (figures(ratio=1.6), GATES, "recalibrate"),
        (figures(ratio=1.6, after=1.5), GATES, "no-go"),
        (figures(auroc=0.7), GATES, "no-go"),
        (figures(auroc=0.7, ratio=1.6), GATES, "no-go"),
        (figures(ratio=1.6), (), "recalibrate"),
        (figures(), (), "go"),
        ({"why": "the outcome is known of nobody."}, GATES, "no-go"),
    ],
)
def test_the_verdict_says_go_recalibrate_or_no_go_and_why(measured, gates, word):
    verdict = decided([], gates, measured, EXPECTED)

    assert verdict.word == word
    assert all(reason.text and reason.do for reason in verdict.reasons)


def test_a_lost_feed_that_matters_stops_whatever_was_measured():
    found = findings_of([a_feed(missing_here=1.0)])

    verdict = decided(found, GATES, figures(), EXPECTED)

    assert verdict.word == "no-go"
    assert "lactate" in verdict.reasons[0].text.lower()
