"""A feed that comes some hours late is seen by how old its newest values are, and named so."""

from dataclasses import replace

import numpy as np
import pytest

from bedside.core.records.watch import Watch
from bedside.monitor.causes.causes import likely
from bedside.monitor.detectors.watching import watch_days
from bedside.monitor.stream.answers import SCORE, UNKNOWN_DAY, Answers
from bedside.monitor.stream.baseline import make_baseline
from bedside.monitor.stream.tally import tally_days

FEATURES = ("age.last", "lactate.last", "lactate.hours_since", "sodium.last", "sodium.hours_since")
SIGNALS = {name: name.split(".")[0] for name in FEATURES}
LATE = 2


def answers(patients, seed, first=20_000, each=40):
    """Patients asked about once; a lactate every few hours."""
    drawn = np.random.default_rng(seed)
    matrix = np.stack(
        [
            drawn.normal(65, 15, patients),
            drawn.lognormal(0.4, 0.5, patients),
            drawn.exponential(8, patients),
            drawn.normal(139, 4, patients),
            drawn.exponential(12, patients),
        ],
        axis=1,
    )
    return Answers(
        day=first + np.arange(patients) // each,
        subject=np.arange(patients),
        hours=np.zeros(patients),
        outcome=np.full(patients, SCORE, np.int8),
        reason=np.full(patients, "", dtype="U9"),
        risk=drawn.beta(2, 8, patients),
        alert=np.zeros(patients, bool),
        shown=np.ones(patients, bool),
        latency_ms=np.full(patients, np.nan),
        features=FEATURES,
        matrix=matrix,
        label=np.full(patients, np.nan),
        label_day=np.full(patients, UNKNOWN_DAY),
        acted=np.zeros(patients, bool),
        groups={},
    )


@pytest.fixture(scope="module")
def baseline():
    return make_baseline(
        answers(2_000, 1), signals=SIGNALS, titles={}, categories={}, threshold=None, seed=1,
        minimum=30,
    )  # fmt: skip


def watched(baseline, hours):
    told = answers(600, 2, first=20_100)
    matrix = told.matrix.copy()
    matrix[:, LATE] += hours
    tallies = tally_days(baseline, replace(told, matrix=matrix))
    return watch_days(baseline, Watch(), None, tallies), tallies


def test_a_feed_that_is_six_hours_late_is_found_within_days_and_named(baseline):
    seen, tallies = watched(baseline, 6.0)

    drafts = likely(baseline, seen.findings, tallies, units={})

    assert "rank:lactate.hours_since" in {one.stream for one in seen.findings}
    assert seen.by_day[0][0] <= 20_100 + 3
    assert [(one.cause, one.signals) for one in drafts] == [("feed_lost", ("lactate",))]
    assert "lactate comes later or less often than before" in drafts[0].text.lower()


def test_a_feed_that_is_not_late_is_no_finding(baseline):
    assert watched(baseline, 0.0)[0].findings == ()
