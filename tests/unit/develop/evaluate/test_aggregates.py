"""What may leave a site tells no small cell, whoever the patients are."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.records.declaration import Evaluation
from bedside.develop.evaluate.aggregates import BY_RISK, BY_TABLE, aggregates_of
from bedside.develop.evaluate.evidence import HeldOut, evaluate
from bedside.develop.evaluate.statistics import Rows

FEW = 10
OPTIONS = Evaluation(bootstrap=5)


def told_of(label, risk, subject, groups, threshold):
    rows = Rows(
        risk=risk, label=label, subject=subject, days=np.full(len(label), 1 / 24), outcome="binary"
    )
    held = HeldOut(rows=rows, groups=groups)
    evidence = evaluate(held, threshold=threshold, options=OPTIONS, seed=1)
    return rows, aggregates_of(rows, evidence, threshold)


@st.composite
def wards(draw):
    """Patients with one row or several, of any prevalence, in groups of any size."""
    subjects = draw(st.integers(12, 160))
    seed = draw(st.integers(0, 1 << 30))
    random = np.random.default_rng(seed)
    each = 1 if draw(st.booleans()) else 3
    subject = np.repeat(np.arange(subjects), each)
    ill = random.random(subjects) < draw(st.sampled_from([0.05, 0.1, 0.3, 0.7, 0.95]))
    ill[:2] = [True, False]
    label = (ill[subject] & (random.random(len(subject)) < 0.8)).astype(np.int64)
    label[:1] = 1
    sharp = draw(st.sampled_from([0.0, 1.0, 5.0]))
    risk = 1 / (1 + np.exp(-(random.normal(size=len(subject)) + sharp * (label - 0.5))))
    levels = draw(st.lists(st.floats(0.02, 1), min_size=1, max_size=5))
    level = random.choice(len(levels), size=subjects, p=np.array(levels) / sum(levels))
    return label, risk, subject, np.array([f"level {n}" for n in level])[subject]


@settings(max_examples=40, deadline=None)
@given(wards(), st.sampled_from([0.1, 0.5, 0.9]))
def test_no_count_of_ten_or_fewer_can_be_read_or_worked_out(ward, threshold):
    label, risk, subject, level = ward
    rows, told = told_of(label, risk, subject, {"level": level}, threshold)
    whole = rows.subjects, len(np.unique(subject[label == 1]))

    if min(whole[1], whole[0] - whole[1]) <= FEW:
        assert told["with_outcome"] is None
        assert (told["figures"], told["calibration"], told["subgroups"]) == ({}, [], {})
        return
    assert (told["subjects"], told["with_outcome"]) == whole
    for one in told["calibration"]:
        assert one["subjects"] > FEW
        assert 0 < one["observed"] < 1
    alerts = risk >= threshold
    cells = [(alerts == a) & (label == b) for a in (True, False) for b in (0, 1)]
    if min(len(np.unique(subject[cell])) for cell in cells) <= FEW:
        assert not set(BY_TABLE) & told["figures"].keys()
    hidden = np.array(whole)
    for name, one in told["subgroups"].get("level", {}).items():
        there = level == name
        counts = len(np.unique(subject[there])), len(np.unique(subject[there & (label == 1)]))
        if one["subjects"] is None:
            assert (one["with_outcome"], one["figures"]) == (None, {})
            continue
        assert (one["subjects"], one["with_outcome"]) == counts
        assert min(counts[1], counts[0] - counts[1]) > FEW
        assert set(one["figures"]) <= set(BY_RISK)
        hidden -= counts
    if any(one["subjects"] is None for one in told["subgroups"].get("level", {}).values()):
        assert min(hidden[1], hidden[0] - hidden[1]) > FEW


def test_an_ordinary_ward_is_told_with_its_alerts():
    random = np.random.default_rng(3)
    label = (random.random(600) < 0.4).astype(np.int64)
    risk = 1 / (1 + np.exp(-(random.normal(size=600) + 2 * (label - 0.5))))
    level = np.where(random.random(600) < 0.5, "a", "b")

    _, told = told_of(label, risk, np.arange(600), {"level": level}, 0.5)

    assert {"auroc", "sensitivity", "expected_observed_ratio"} <= told["figures"].keys()
    assert told["figures"]["auroc"]["low"] < told["figures"]["auroc"]["estimate"]
    assert len(told["calibration"]) >= 5
    assert all("auroc" in one["figures"] for one in told["subgroups"]["level"].values())
