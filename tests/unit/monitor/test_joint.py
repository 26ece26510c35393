"""Boosted trees as the classifier that tells new patients from a reference."""

import numpy as np

from bedside.monitor.joint import joint_drift_of


def patients(rng, n, sign):
    a = rng.normal(size=(n, 4))
    a[:, 1] = sign * np.abs(a[:, 1]) * np.sign(a[:, 0])
    a[rng.random(n) < 0.2, 2] = np.nan
    return a


def test_an_interaction_that_turned_round_is_seen_and_an_unchanged_one_is_not():
    rng = np.random.default_rng(1)
    then, now, same = patients(rng, 900, 1), patients(rng, 600, -1), patients(rng, 600, 1)
    now[0, 3] = np.inf

    moved, stayed = joint_drift_of(then, now), joint_drift_of(then, same)

    assert moved.p_value < 1e-6
    assert moved.low > 0.9
    assert stayed.p_value > 0.05
    assert abs(stayed.auroc - 0.5) < 0.07


def test_the_same_seed_gives_the_same_answer_from_as_many_rows_as_wanted():
    rng = np.random.default_rng(2)
    then, now = patients(rng, 500, 1), patients(rng, 400, 1)

    first, again = (joint_drift_of(then, now, most_rows=200, seed=3) for _ in range(2))

    assert first.chance.size == 400
    assert first.chance.tolist() == again.chance.tolist()
