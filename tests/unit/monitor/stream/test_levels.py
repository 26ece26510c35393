"""A category that the model never learnt, and one that comes no more, are seen."""

from dataclasses import replace

import numpy as np
import pytest

from bedside.core.records.watch import Watch
from bedside.monitor.detectors.watching import watch_days
from bedside.monitor.stream.tally import tally_days
from streamed import a_baseline, ward_answers

LEVELS = ("medical", "surgical", "icu", "other")  # as learnt: whatever else there is comes last
PLACE = 2


@pytest.fixture(scope="module")
def baseline():
    return a_baseline(ward_answers(400, strange=False), categories={"ward_type": LEVELS})


def found(baseline, changed):
    answers = ward_answers(400, seed=5, strange=False)
    matrix = answers.matrix.copy()
    matrix[:, PLACE] = changed(matrix[:, PLACE], np.random.default_rng(1))
    seen = watch_days(
        baseline, Watch(), None, tally_days(baseline, replace(answers, matrix=matrix))
    )
    return {(one.stream, one.side) for one in seen.findings}


def test_a_category_that_was_never_learnt_has_a_stream_though_nobody_had_it(baseline):
    assert baseline.streams[baseline.index("level:ward_type=other")].mean == 0.0

    new = found(baseline, lambda old, rng: np.where(rng.random(old.size) < 0.3, 3.0, old))

    assert ("level:ward_type=other", "up") in new


def test_a_category_that_comes_no_more_is_seen(baseline):
    gone = found(baseline, lambda old, rng: np.where(old == 1, 0.0, old))

    assert {("level:ward_type=surgical", "down"), ("level:ward_type=medical", "up")} <= gone


def test_a_text_of_no_declared_category_is_a_missing_value(baseline):
    """So are features made: of a category that is declared, any other text is not known."""
    lost = found(baseline, lambda old, rng: np.where(rng.random(old.size) < 0.3, np.nan, old))

    assert ("missing:ward_type", "up") in lost


def test_as_before_finds_nothing(baseline):
    assert found(baseline, lambda old, rng: old) == set()
