"""What the detectors promise: bets that are fair at worst, and a budget of false alarms kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from bedside.core.records.watch import Watch
from bedside.metrics.sample_sizes import auroc_sample_size, observed_expected_sample_size
from bedside.metrics.sequential import STAKES, advanced, evidence, wealth, wealth_by
from bedside.monitor.detectors.detecting import Detectors, bars
from bedside.monitor.detectors.watching import watch_days
from detected import a_baseline, a_day, a_stream, slow_wealth

shares = st.floats(0.001, 0.999)
some = settings(deadline=None, max_examples=60)


@some
@given(st.lists(st.floats(0, 1), max_size=30), shares, shares)
def test_wealth_is_its_definition_and_adds_up_over_parts(values, one, other):
    least, most = sorted((one, other))

    won = wealth(values, least, most)

    assert np.allclose(won, slow_wealth(values, least, most), atol=1e-9)
    half = len(values) // 2
    parts = wealth(values[:half], least, most) + wealth(values[half:], least, most)
    assert np.allclose(won, parts, atol=1e-9)


@some
@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 1)), min_size=1, max_size=6),
    st.floats(0, 0.3),
    st.floats(0, 0.3),
)
def test_one_bet_on_any_values_whose_mean_is_as_before_is_worth_at_most_one(points, below, above):
    value = np.array([x for x, _ in points])
    weight = np.array([w for _, w in points]) / sum(w for _, w in points)
    mean = float(weight @ value)
    least, most = min(max(mean - below, 0.0), 0.999), max(min(mean + above, 1.0), 0.001)

    won = np.exp([wealth([x], least, most) for x in value])

    assert ((weight[:, None, None] * won).sum(axis=0) <= 1 + 1e-6).all()


KINDS = {
    "of 0 and 1": lambda rng, shape, mean: (rng.random(shape) < mean).astype(float),
    "beta": lambda rng, shape, mean: rng.beta(4 * mean, 4 * (1 - mean), shape),
    "skewed": lambda rng, shape, mean: rng.beta(0.1 * mean, 0.1 * (1 - mean), shape),
    "a point": lambda rng, shape, mean: np.full(shape, mean),
    "of rare points": lambda rng, shape, mean: (rng.random(shape) < mean / 0.8) * 0.8,
}
MEANS = [(0.02, 0.0), (0.1, 0.02), (0.5, 0.03)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("most", "width"), MEANS)
def test_the_mean_wealth_of_samples_at_the_edge_of_the_zone_is_at_most_one(kind, most, width):
    runs, n = 20_000, 8
    values = KINDS[kind](np.random.default_rng(1), (runs, n), most)
    place = np.repeat(np.arange(runs), n)
    up = np.exp(wealth_by(values.ravel(), place, [most - width] * runs, [most] * runs)[:, 0])
    mirrored = wealth_by(1 - values.ravel(), place, [1 - most] * runs, [1 - most + width] * runs)
    down = np.exp(mirrored[:, 1])

    for won in (up, down):
        error = won.std(axis=0) / np.sqrt(runs)
        assert (won.mean(axis=0) <= 1 + 4 * error + 1e-9).all()
        assert won[:, 0].mean() == pytest.approx(1, abs=4 * error[0] + 1e-9)  # exactly fair there


def days_to_alarm(draw, streams, bar, *, runs, days, least, most):
    """The day of the first alarm of each run, or `days` (shape (runs,)).

    Args:
        draw: Gives the values of a day, shape (runs, streams, n), from the day and the state.
        streams: How many a run has.
        bar: Of each.
        runs: How many runs.
        days: How long each is watched.
        least: Of each stream.
        most: Of each stream.
    """
    first = np.full(runs, days)
    state = np.zeros((runs * streams, 2, len(STAKES)))
    low, high = np.tile(least, runs), np.tile(most, runs)
    for day in range(days):
        values = draw(day, state)
        place = np.repeat(np.arange(runs * streams), values.shape[-1])
        state = advanced(state, wealth_by(values.ravel(), place, low, high))
        over = (evidence(state) >= bar).reshape(runs, -1).any(axis=1)
        first[over] = np.minimum(first[over], day + 1)
    return first


def at_least(days):
    """A lower bound of their mean (99.9 %)."""
    return days.mean() - norm.ppf(0.999) * days.std() / np.sqrt(days.size)


BUDGET = Watch(budget="proved", false_alarms=1.0, per="10 d")
RUNS = 400


def zone_edges(rng, kind, streams, most):
    """Values right at the edge of the zone, where false alarms are likeliest."""
    return lambda _day, _state: KINDS[kind](rng, (RUNS, streams, rng.integers(1, 9)), most)


def alike(rng, kind, streams, most):
    """Every stream of a run draws the same values."""

    def draw(_day, _state):
        one = KINDS[kind](rng, (RUNS, 1, 5), most)
        return np.broadcast_to(one, (RUNS, streams, 5))

    return draw


def anywhere(rng, kind, streams, most):
    """The mean wanders within the zone, against whichever side has come further."""

    def draw(_day, state):
        up = (state[:, 0].max(axis=-1) >= state[:, 1].max(axis=-1)).reshape(RUNS, streams)
        mean = np.where(up, most, most - 0.04)[..., None]
        return KINDS[kind](rng, (RUNS, streams, 5), np.broadcast_to(mean, (RUNS, streams, 5)))

    return draw


@pytest.mark.parametrize("how", [zone_edges, alike, anywhere])
@pytest.mark.parametrize("kind", ["of 0 and 1", "beta", "skewed"])
@pytest.mark.parametrize("streams", [1, 12])
def test_the_average_run_length_as_before_is_at_least_what_the_budget_says(how, kind, streams):
    mean, most = 0.10, 0.12
    baseline = a_baseline(*[a_stream(str(i), mean=mean, margin=0.02) for i in range(streams)])
    rng = np.random.default_rng(7)

    days = days_to_alarm(
        how(rng, kind, streams, most), streams, bars(baseline, BUDGET)[0],
        runs=RUNS, days=60, least=[0.08] * streams, most=[most] * streams,
    )  # fmt: skip

    assert at_least(days) >= 10
    assert days.min() < 60  # alarms do come, or nothing was tried


def test_detectors_that_start_anew_alarm_no_more_often_than_the_budget_in_any_period():
    rng = np.random.default_rng(8)
    runs, days = 2000, 40
    baseline = a_baseline(a_stream("one", mean=0.1, margin=0.02))
    bar = bars(baseline, BUDGET)[0]
    state, alarms = np.zeros((runs, 2, len(STAKES))), np.zeros(runs)
    place = np.repeat(np.arange(runs), 4)
    for _ in range(days):
        values = (rng.random(runs * 4) < 0.12).astype(float)
        won = wealth_by(values, place, [0.08] * runs, [0.12] * runs)
        state = advanced(state, won)
        over = (evidence(state) >= bar).any(axis=1)
        alarms += over
        state[over] = 0.0

    most = alarms.mean() + norm.ppf(0.999) * alarms.std() / np.sqrt(runs)
    assert 0 < most <= days / 10


def auroc_drop(rng, runs, n, event_share):
    """Placements against the baseline once events' risks overlap more: AUROC 0.85 to 0.80."""
    before, after = np.sqrt(2) * norm.ppf([0.85, 0.80])
    event = rng.random((runs, n)) < event_share
    risk = rng.normal(0, 1, (runs, n)) + after * event
    placed = np.where(event, norm.cdf(risk), 1 - norm.cdf(risk - before))
    return np.stack([np.where(event, placed, np.nan), np.where(event, np.nan, placed)], axis=1)


def worse_calibrated(rng, runs, n, mean_risk):
    """Residuals of risks that a fifth more events follow than were foretold."""
    risk = rng.beta(1.2, 1.2 * (1 - mean_risk) / mean_risk, (runs, n))
    label = rng.random((runs, n)) < np.minimum(1.2 * risk, 1)
    return ((1 + label - risk) / 2)[:, None, :]


def bar_of(family, streams):
    """Of streams of this family, where every family is watched."""
    others = ("missing", "rank", "spread", "beyond", "level", "score", "alert", "answering",
              "unlike", "group calibration", "group discrimination", "delay",
              "calibration", "discrimination")  # fmt: skip
    watched = [a_stream(f"{family}:{i}", family=family) for i in range(streams)]
    watched += [a_stream(other, family=other) for other in others if other != family]
    return bars(
        a_baseline(*watched),
        Watch(
            budget="proved",
        ),
    )[0]


def test_a_drop_of_the_auroc_is_found_before_twice_the_fixed_sample_size_in_nine_of_ten_runs():
    rng, runs, n = np.random.default_rng(9), 200, 50
    size = auroc_sample_size(0.85, 0.05, event_share=0.1).subjects

    days = days_to_alarm(
        lambda _day, _state: auroc_drop(rng, runs, n, 0.1), 2, bar_of("discrimination", 2),
        runs=runs, days=2 * size // n + 1, least=[0.84] * 2, most=[0.86] * 2,
    )  # fmt: skip

    assert (days * n <= 2 * size).mean() >= 0.9


def test_a_calibration_off_by_a_fifth_is_found_before_twice_the_fixed_sample_size():
    rng, runs, n, risk = np.random.default_rng(10), 200, 50, 0.1
    spread = risk * (1 - risk) / (1.2 / risk + 1)
    size = observed_expected_sample_size(1.2, mean_risk=risk, risk_variance=spread)

    days = days_to_alarm(
        lambda _day, _state: worse_calibrated(rng, runs, n, risk), 1, bar_of("calibration", 1),
        runs=runs, days=2 * size // n + 1, least=[0.499], most=[0.501],
    )  # fmt: skip

    assert (days * n <= 2 * size).mean() >= 0.9


TWO = a_baseline(a_stream("one"), a_stream("two", mean=0.5, margin=0.03, family="rank"))
day_of_two = st.fixed_dictionaries(
    {"one": st.lists(st.sampled_from([0.0, 1.0]), max_size=9),
     "two": st.lists(st.floats(0, 1), max_size=9)}
)  # fmt: skip


@some
@given(st.lists(day_of_two, max_size=12), st.integers(0, 12), st.integers(1, 4))
def test_advancing_in_parts_by_way_of_json_is_advancing_in_one_go(days, cut, gap):
    tallies = [a_day(TWO, gap * i, values) for i, values in enumerate(days)]

    at_once = watch_days(TWO, BUDGET, None, tallies)
    first = watch_days(TWO, BUDGET, None, tallies[:cut])
    kept = Detectors.from_json(first.detectors.to_json())
    second = watch_days(TWO, BUDGET, kept, tallies[cut:])

    assert second.findings == at_once.findings
    assert first.by_day + second.by_day == at_once.by_day
    assert second.detectors.to_json() == at_once.detectors.to_json()


@some
@given(st.lists(day_of_two, min_size=1, max_size=8), st.sets(st.sampled_from(["one", "two"])))
def test_resolved_streams_start_anew_and_the_others_go_on(days, resolved):
    tallies = [a_day(TWO, i, values) for i, values in enumerate(days)]
    before = watch_days(TWO, BUDGET, None, tallies[:-1]).detectors

    seen = watch_days(TWO, BUDGET, before, tallies[-1:], resolved=frozenset(resolved)).detectors

    on = watch_days(TWO, BUDGET, before, tallies[-1:]).detectors
    anew = watch_days(TWO, BUDGET, None, tallies[-1:]).detectors
    for place, stream in enumerate(TWO.streams):
        expected = anew if stream.id in resolved else on
        assert np.array_equal(seen.state[place], expected.state[place])
        assert np.array_equal(seen.since[place], expected.since[place])
