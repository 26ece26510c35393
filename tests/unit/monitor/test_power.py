"""Disturbed patients raise an alarm: each disturbance over many seeds, with the power it needs."""

from dataclasses import replace

import numpy as np
import pytest

from watched import halves, kinds, logistic, stays, watched


def ten_times(now, rng):
    return now.with_column(now.names[0], 10 * now.matrix[:, 0])


def mg_per_dl_for_mmol(now, rng):
    return now.with_column(now.names[0], 18.02 * now.matrix[:, 0])


def one_sd_too_high(now, rng):
    return now.with_column(now.names[1], now.matrix[:, 1] + np.nanstd(now.matrix[:, 1]))


def missing_for_30_per_cent(now, rng):
    gone = rng.random(now.subject.max() + 1) < 0.3
    return now.with_column(now.names[2], np.where(gone[now.subject], np.nan, now.matrix[:, 2]))


def fewer_outcomes(now, rng):
    return now.where((now.label == 0) | (rng.random(now.label.size) < 0.4))


def too_extreme(now, rng):
    odds = np.log(now.risk) - np.log1p(-now.risk)
    return replace(now, risk=logistic(1.5 * odds))


def too_high(now, rng):
    odds = np.log(now.risk) - np.log1p(-now.risk)
    return replace(now, risk=logistic(odds + 0.7))


def flipped(now, rng):
    return replace(now, label=np.where(rng.random(now.label.size) < 0.2, 1 - now.label, now.label))


def fewer_men(now, rng):
    gone = rng.random(now.subject.max() + 1) < 0.5
    return now.where(~((now.groups["sex"] == "male") & gone[now.subject]))


def power(pairs, disturb, kind):
    reports = [
        watched(then, disturb(now, np.random.default_rng(seed)))
        for seed, (then, now) in enumerate(pairs)
    ]
    return float(np.mean([kind in kinds(report) for report in reports]))


@pytest.fixture(scope="module")
def of_stays():
    return [
        (stays(2 * seed, patients=1500, rows=3), stays(2 * seed + 1, patients=1500, rows=3))
        for seed in range(30)
    ]


@pytest.fixture(scope="module")
def of_biopsies():
    return [halves(seed) for seed in range(30)]


@pytest.mark.parametrize(
    ("disturb", "kind"),
    [
        (ten_times, "inputs"),
        (mg_per_dl_for_mmol, "inputs"),
        (one_sd_too_high, "inputs"),
        (missing_for_30_per_cent, "quality"),
    ],
)
def test_a_disturbed_input_of_170_biopsies_is_found_nearly_always(of_biopsies, disturb, kind):
    assert power(of_biopsies, disturb, kind) >= 0.95


@pytest.mark.parametrize(
    ("disturb", "kind"),
    [
        (ten_times, "inputs"),
        (one_sd_too_high, "inputs"),
        (missing_for_30_per_cent, "quality"),
        (fewer_outcomes, "performance"),
        (too_extreme, "calibration"),
        (too_high, "calibration"),
        (flipped, "performance"),
        (fewer_men, "subgroup"),
    ],
)
def test_a_disturbance_of_1500_patients_is_found_nearly_always(of_stays, disturb, kind):
    assert power(of_stays, disturb, kind) >= 0.9


def test_a_disturbed_input_is_found_by_its_own_name_and_no_other_input_is_blamed(of_stays):
    named = []

    for seed, (then, now) in enumerate(of_stays):
        report = watched(then, one_sd_too_high(now, np.random.default_rng(seed)))
        named += [finding["what"] for finding in report["findings"] if finding["kind"] == "inputs"]

    assert named == ["signal 1"] * len(of_stays)
