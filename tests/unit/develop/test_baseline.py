"""The plain regression learns from whole subjects, and not from too many rows of them."""

import numpy as np

from bedside.core.records.declaration import Learner
from bedside.develop.train import baseline
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.matrix import Matrix
from bedside.models.learnt import LearntModel


def test_of_many_rows_it_learns_from_whole_subjects_and_nearly_the_same(monkeypatch):
    random = np.random.default_rng(1)
    subject = np.repeat(np.arange(2000), 5)
    features = random.normal(size=(10_000, 3))
    label = (features[:, 0] + random.normal(size=10_000) > 0).astype(np.int64)
    rows = Matrix(features=features, label=label, names=("a", "b", "c"), subject=subject)
    plan = Plan(options=Learner(), columns=tuple(Column(name=name) for name in rows.names))
    whole = LearntModel(baseline.fit_baseline(rows, plan)).predict(features)

    monkeypatch.setattr(baseline, "MOST_ROWS", 5_003)
    some = baseline._some_subjects(rows, 1)
    part = LearntModel(baseline.fit_baseline(rows, plan)).predict(features)

    assert len(some.label) == 5_000
    assert set(np.bincount(some.subject)) <= {0, 5}
    assert 0 < np.abs(part - whole).max() < 0.05
