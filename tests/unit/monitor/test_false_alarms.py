"""Undisturbed patients stay quiet: measured over many seeds."""

import math

import numpy as np
import pytest

from watched import halves, held_out_biopsies, stays, watched

ALPHA = 0.01


def share_of_alarms(reports) -> float:
    return float(np.mean([bool(report["findings"]) for report in reports]))


def at_most(alpha: float, runs: int) -> float:
    """Alpha and three binomial standard errors."""
    return alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)


def per_row(patients):
    """What must not be done: every row taken for a patient of its own."""
    return np.arange(patients.label.size)


def test_random_halves_of_real_biopsies_are_quiet():
    runs = 200

    alarms = share_of_alarms(watched(*halves(seed), alpha=ALPHA) for seed in range(runs))

    assert alarms <= at_most(ALPHA, runs)


def test_random_halves_are_quiet_at_a_laxer_alpha_too():
    runs = 200

    alarms = share_of_alarms(watched(*halves(seed), alpha=0.1) for seed in range(runs))

    assert alarms <= at_most(0.1, runs)


@pytest.mark.parametrize("then", [100, 280])
def test_unequal_parts_of_real_biopsies_are_quiet(then):
    runs, every = 200, held_out_biopsies()
    orders = [np.random.default_rng(seed).permutation(every.label.size) for seed in range(runs)]

    alarms = share_of_alarms(
        watched(every.where(order[:then]), every.where(order[then:]), alpha=ALPHA)
        for order in orders
    )

    assert alarms <= at_most(ALPHA, runs)


def test_many_rows_of_one_patient_do_not_raise_false_alarms():
    runs = 200

    alarms = share_of_alarms(
        watched(stays(2 * seed, patients=150, rows=20), stays(2 * seed + 1, patients=150, rows=20))
        for seed in range(runs)
    )

    assert alarms <= at_most(ALPHA, runs)


def test_the_same_patients_counted_by_row_would_raise_false_alarms_most_of_the_time():
    pairs = [
        (stays(2 * seed, patients=150, rows=20), stays(2 * seed + 1, patients=150, rows=20))
        for seed in range(30)
    ]

    naive = share_of_alarms(
        watched(a_by_row(then), a_by_row(now), alpha=ALPHA) for then, now in pairs
    )

    assert naive >= 0.3


def a_by_row(patients):
    return type(patients)(
        matrix=patients.matrix,
        names=patients.names,
        risk=patients.risk,
        label=patients.label,
        subject=per_row(patients),
        groups=patients.groups,
    )
