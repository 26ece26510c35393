"""Detectors of streams: bars that keep the budget, a day further, and what is over its bar."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp

from bedside.core.errors import Invalid
from bedside.core.records.watch import Watch
from bedside.metrics.sequential import STAKES, evidence
from bedside.monitor.detectors.detecting import (
    NEVER,
    Detectors,
    bars,
    one_day,
    over_bar,
    restarted,
    shares_of,
    stake_weights,
)
from bedside.monitor.stream.families import rules_of
from bedside.monitor.stream.streams import FeatureBaseline
from detected import a_baseline, a_day, a_stream, slow_evidence, slow_wealth

TWO = a_baseline(a_stream("one"), a_stream("two", mean=0.5, margin=0.03, family="rank"))


def some_days(baseline, seed, days=20):
    """Days of a few values of every stream."""
    rng = np.random.default_rng(seed)
    return [
        a_day(baseline, day, {s.id: rng.random(rng.integers(0, 9)) for s in baseline.streams})
        for day in range(100, 100 + days)
    ]


def test_the_budget_of_all_bars_together_is_that_of_the_watch():
    streams = [a_stream(f"missing:{i}") for i in range(1000)]
    streams += [a_stream("residual", family="calibration"), a_stream("other", family="new")]
    baseline = a_baseline(*streams)

    found = bars(baseline, Watch(false_alarms=2.0, per="90 d", budget="proved"))

    expected_a_day = logsumexp(-found) + math.log(2)  # of both sides
    left = 1 - shares_of(baseline)["volume"]  # of the volume, which every version is watched by
    assert 0.9 < left < 1
    assert math.exp(expected_a_day) == pytest.approx(2 / 90 * left)


def test_a_thousand_inputs_take_little_from_the_performance():
    performance = a_stream("residual", family="calibration")
    few = a_baseline(performance, a_stream("missing:0"))
    many = a_baseline(performance, *[a_stream(f"missing:{i}") for i in range(1000)])

    assert bars(few, Watch())[0] == bars(many, Watch())[0]
    assert bars(many, Watch())[1] == pytest.approx(bars(few, Watch())[1] + math.log(1000))


def test_a_measured_budget_lowers_each_bar_by_what_its_family_has_to_spare():
    streams = (a_stream("missing:x"), a_stream("residual", family="calibration"))
    baseline = a_baseline(*streams)

    lower = bars(baseline, Watch(budget="proved")) - bars(baseline, Watch())

    assert np.exp(lower) == pytest.approx([8, rules_of("calibration").spare])


def test_the_stakes_of_a_stream_weigh_one_in_all_and_large_ones_more_where_it_breaks_off():
    streams = (a_stream("missing:x"), a_stream("residual", family="calibration"))

    sudden, slow = stake_weights(a_baseline(*streams))

    assert [sudden.sum(), slow.sum()] == pytest.approx([1, 1])
    assert sudden[-1] > slow[-1]
    assert slow[2:4].sum() > sudden[2:4].sum()


def test_inputs_that_do_more_to_the_risk_have_more_of_the_budget_and_all_together_the_same():
    features = tuple(
        FeatureBaseline(name=name, signal=name, title=name, levels=(), grid=None, gain=gain)
        for name, gain in (("strong", 0.3), ("weak", 0.1), ("idle", 0.0))
    )
    streams = [
        replace(a_stream(f"{family}:{one.name}", family=family), feature=one.name, signal=one.name)
        for family in ("missing", "rank")
        for one in features
    ]
    baseline = replace(a_baseline(*streams), features=features)

    found = bars(baseline, Watch())

    shares = np.exp(-found[:3]) / np.exp(-found[:3]).sum()
    assert shares == pytest.approx([1 / 6 + 3 / 8, 1 / 6 + 1 / 8, 1 / 6])
    even = bars(a_baseline(*streams), Watch())
    assert np.exp(-found).sum() == pytest.approx(np.exp(-even).sum())


def test_a_day_further_is_the_definition_worked_out_slowly():
    tallies = some_days(TWO, 1)
    detectors = Detectors.fresh(2)
    for tally in tallies:
        detectors = one_day(detectors, tally)

    found = evidence(detectors.state)

    for s, stream in enumerate(TWO.streams):
        rng = np.random.default_rng(1)
        drawn = [[rng.random(rng.integers(0, 9)) for _ in TWO.streams][s] for _ in tallies]
        days = [slow_wealth(x, stream.least, stream.most) for x in drawn if x.size]
        for side in (0, 1):
            slow = slow_evidence([day[side] for day in days])
            assert found[s, side] == pytest.approx(slow[-1], abs=1e-9)


def test_days_are_counted_once_and_in_order_and_only_of_the_same_streams():
    one, two = some_days(TWO, 1, days=2)
    seen = one_day(Detectors.fresh(2), two)

    with pytest.raises(Invalid, match="Day 100 is not after day 101"):
        one_day(seen, one)
    with pytest.raises(Invalid, match="is of 2 streams, the detectors are of 3"):
        one_day(Detectors.fresh(3), one)


def test_a_change_is_said_to_begin_where_it_began_with_its_mean_since():
    rng = np.random.default_rng(5)
    baseline = a_baseline(a_stream("missing:x", mean=0.1, margin=0.01))
    detectors = Detectors.fresh(1)
    for day in range(60):
        p = 0.1 if day < 40 else 0.4
        detectors = one_day(detectors, a_day(baseline, day, {"missing:x": rng.random(30) < p}))

    assert abs(detectors.since[0, 0] - 40) <= 2
    assert detectors.drawn_since[0, 0] == 30 * (60 - detectors.since[0, 0])
    assert detectors.mean_since[0, 0] == pytest.approx(0.4, abs=0.06)


def test_nothing_is_said_to_have_begun_while_nothing_was_seen():
    detectors = one_day(Detectors.fresh(2), a_day(TWO, 7, {}))

    assert (detectors.since == NEVER).all()
    assert np.isnan(detectors.mean_since).all()
    assert not over_bar(detectors, np.zeros(2))


@pytest.mark.parametrize("value", [0.0, 0.1, 0.5, 1.0])
def test_constant_values_where_they_should_be_are_no_evidence(value):
    stream = a_stream("constant", mean=value, margin=0.02)
    baseline = a_baseline(stream)
    detectors = Detectors.fresh(1)
    for day in range(400):
        detectors = one_day(detectors, a_day(baseline, day, {"constant": np.full(30, value)}))

    assert not over_bar(detectors, bars(baseline, Watch()))


def test_the_furthest_over_its_bar_comes_first():
    state = np.zeros((3, 2, len(STAKES)))
    state[0, 0], state[1, 1], state[2, 1] = 12.0, 20.0, 5.0
    detectors = replace(Detectors.fresh(3), state=state)

    over = over_bar(detectors, np.array([10.0, 10.0, 10.0]))

    assert [(stream, side) for stream, side, _ in over] == [(1, 1), (0, 0)]
    alone = over_bar(detectors, np.full(3, 10.0), np.eye(len(STAKES))[[0, 1, 2]])
    assert alone == over
    assert over[0][2] == pytest.approx(20.0)


def test_detectors_come_back_from_json_bit_by_bit():
    detectors = Detectors.fresh(2)
    for tally in some_days(TWO, 3):
        detectors = one_day(detectors, tally)

    back = Detectors.from_json(json.loads(json.dumps(detectors.to_json())))

    assert back.day == detectors.day
    for name in ("state", "run", "began", "n", "total"):
        assert np.array_equal(getattr(back, name), getattr(detectors, name)), name


@pytest.mark.parametrize(
    "change",
    [
        {"form": 2},
        {"stakes": [0.5]},
        {"streams": 3},
        {"state": "AAAA"},
        {"state": "not base64"},
        {"began": None},
        {"day": "soon"},
    ],
)
def test_a_state_that_is_broken_or_of_other_stakes_is_refused(change):
    with pytest.raises(Invalid, match="start them anew"):
        Detectors.from_json(Detectors.fresh(2).to_json() | change)


def test_marked_streams_are_fresh_again_and_others_as_they_were():
    detectors = Detectors.fresh(2)
    for tally in some_days(TWO, 3):
        detectors = one_day(detectors, tally)

    fresh = restarted(detectors, np.array([True, False]))

    assert not fresh.state[0].any()
    assert (fresh.since[0] == NEVER).all()
    assert np.array_equal(fresh.state[1], detectors.state[1])
    assert fresh.day == detectors.day
