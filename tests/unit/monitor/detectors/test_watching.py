"""Days that go by: found the same day, nothing from nothing, and anew once resolved."""

import numpy as np
import pytest

from bedside.core.errors import Invalid
from bedside.core.records.watch import Watch
from bedside.monitor.detectors.detecting import Detectors, bars
from bedside.monitor.detectors.watching import findings_of, watch_days
from detected import a_baseline, a_day, a_stream

MANY = a_baseline(
    a_stream("residual", mean=0.5, margin=0.005, family="calibration", kind="performance"),
    *[
        a_stream(f"{family}:{i}", mean=mean, margin=0.02, family=family)
        for family, mean in (("missing", 0.1), ("rank", 0.5), ("spread", 0.5))
        for i in range(500)
    ],
)
LOST = "missing:7"


def ordinary(rng, patients=20):
    """What `patients` as before draw in each stream."""
    drawn = {f"missing:{i}": x for i, x in enumerate(rng.random((500, patients)) < 0.1)}
    for family in ("rank", "spread"):
        drawn |= {f"{family}:{i}": x for i, x in enumerate(rng.random((500, patients)))}
    return drawn


def watched(days, baseline=MANY, detectors=None, **more):
    """What a budget of one false alarm in 90 days finds."""
    return watch_days(baseline, Watch(), detectors, days, **more)


@pytest.fixture(scope="module")
def quiet():
    rng = np.random.default_rng(1)
    return [a_day(MANY, day, ordinary(rng)) for day in range(20_000, 20_030)]


@pytest.fixture(scope="module")
def lost():
    rng = np.random.default_rng(2)
    return a_day(MANY, 20_030, ordinary(rng) | {LOST: np.ones(20)})


def test_a_feed_that_is_lost_is_found_the_same_day_among_1500_streams_of_20_patients(quiet, lost):
    seen = watched([*quiet, lost])

    assert [finding.stream for finding in seen.findings] == [LOST]
    assert [day for day, _ in seen.by_day] == [20_030]
    found = seen.findings[0]
    assert (found.side, found.then, found.now, found.n) == ("up", 0.1, 1.0, 20)
    assert found.since == "2024-11-03"
    assert found.log_evidence > found.bar
    assert found.text == f"{LOST}: from 0.1 to 1 since 2024-11-03, over 20 patients"


def test_a_month_as_before_finds_nothing(quiet):
    assert not watched(quiet).by_day


def test_day_by_day_is_the_same_as_in_one_go(quiet, lost):
    at_once = watched([*quiet, lost])
    detectors = None
    for tally in [*quiet, lost]:
        seen = watched([tally], detectors=detectors)
        detectors = Detectors.from_json(seen.detectors.to_json())

    assert seen.findings == at_once.findings
    assert np.array_equal(seen.detectors.state, at_once.detectors.state)


def test_a_finding_stays_until_it_is_resolved_and_then_starts_anew(quiet, lost):
    seen = watched([*quiet, lost])
    later = a_day(MANY, 20_031, ordinary(np.random.default_rng(3)))

    kept = watched([later], detectors=seen.detectors)
    anew = watched([later], detectors=seen.detectors, resolved=frozenset({LOST, "of another"}))

    assert [finding.stream for finding in kept.findings] == [LOST]
    assert not anew.findings
    again = watched([a_day(MANY, 20_032, {LOST: np.ones(20)})], detectors=anew.detectors)
    assert again.findings[0].since == "2024-11-05"


def test_days_without_answers_or_with_missing_values_alone_find_nothing():
    nothing = [a_day(MANY, day, {}) for day in range(5)]
    missing = [a_day(MANY, day, {"rank:1": np.full(9, np.nan)}) for day in range(5, 9)]

    seen = watched([*nothing, *missing])

    assert not seen.by_day
    assert not seen.detectors.state.any()
    assert seen.detectors.day == 8
    assert not watched([]).findings


def test_ten_patients_or_fewer_are_found_and_not_shown():
    seen = watched([a_day(MANY, 1, {LOST: np.ones(8)})])

    found = seen.findings[0]
    assert (found.now, found.n) == (None, None)
    assert found.text == f"{LOST}: up from 0.1 since 1970-01-02, over ten patients or fewer"


@pytest.mark.parametrize(("ones", "told"), [(40, 1.0), (39, 0.875), (30, 0.875), (28, 0.7)])
def test_a_share_that_gives_one_to_ten_patients_away_is_told_as_that_of_five(ones, told):
    seen = watched([a_day(MANY, 1, {LOST: np.arange(40) < ones})])

    assert seen.findings[0].now == told
    assert seen.findings[0].n == 40


def test_a_finding_names_its_group():
    baseline = a_baseline(a_stream("residual", group="sex: female", family="group calibration"))
    seen = watched([a_day(baseline, 1, {"residual": np.ones(30)})], baseline=baseline)

    assert seen.findings[0].text.startswith("residual (sex: female): from 0.1 to 1 since")


def test_detectors_of_another_baseline_are_refused():
    with pytest.raises(Invalid, match="of 3 streams, the baseline of 1501"):
        watched([], detectors=Detectors.fresh(3))


def test_findings_are_told_again_without_a_new_day(quiet, lost):
    seen = watched([*quiet, lost])

    again = findings_of(MANY, seen.detectors, bars(MANY, Watch()))

    assert again == watched([], detectors=seen.detectors).findings == seen.findings


def test_the_same_patients_on_several_days_are_evidence_of_each_day_alone():
    spot, carried = a_stream("today:missing:x"), a_stream("missing:x")
    baseline = a_baseline(spot, carried)
    day = {one: np.array([1.0] * 3 + [0.0] * 2) for one in (spot.id, carried.id)}
    days = [a_day(baseline, number, day) for number in range(20_000, 20_012)]

    seen = watch_days(baseline, Watch(), None, days)
    alone = watch_days(baseline, Watch(), None, days[:1])

    assert {one.stream for one in seen.findings} == {"missing:x"}
    assert np.array_equal(seen.detectors.state[0], alone.detectors.state[0])
    assert (seen.detectors.state[1] > alone.detectors.state[1]).any()


def test_a_feed_lost_for_all_in_the_house_is_found_on_that_day_and_stands_until_the_next():
    baseline = a_baseline(a_stream("today:missing:x"))
    lost = a_day(baseline, 20_001, {"today:missing:x": np.ones(40)})
    usual = a_day(baseline, 20_002, {"today:missing:x": np.zeros(40)})

    seen = watch_days(baseline, Watch(), None, [lost])
    later = watch_days(baseline, Watch(), seen.detectors, [usual])

    assert [one.n for one in seen.findings] == [40]
    assert not later.findings
