"""A baseline of live days has ranges as wide as its days differed, where they did."""

import numpy as np

from bedside.core.records.watch import Watch
from bedside.monitor.detectors.watching import watch_days
from bedside.monitor.stream.uneven_days import FEWEST_DAYS, as_wide_as_days
from detected import a_baseline, a_day, a_stream

BASELINE = a_baseline(
    a_stream("missing:uneven", mean=0.1),
    a_stream("missing:even", mean=0.1),
    a_stream("residual", mean=0.1, family="calibration", kind="performance"),
)
SD = 0.06


def days(seed, length, each=150):
    """Of two streams the mean differs from day to day."""
    rng = np.random.default_rng(seed)
    made = []
    for day in range(length):
        p = np.clip(rng.normal(0.1, SD), 0.001, 0.999)
        drawn = {"missing:uneven": p, "missing:even": 0.1, "residual": p}
        values = {name: rng.random(each) < mean for name, mean in drawn.items()}
        made.append(replaced(a_day(BASELINE, 20_000 + day, values), each))
    return made


def replaced(tally, answers):
    tally.__dict__["answers"] = answers
    return tally


def test_only_what_differs_between_days_beyond_chance_is_wider():
    uneven, even, residual = as_wide_as_days(BASELINE, days(1, 60)).streams

    assert 1.5 * SD < uneven.most - uneven.mean < 2.5 * SD
    assert uneven.least == 0.0
    assert even == BASELINE.streams[1]
    assert residual == BASELINE.streams[2]


def test_fewer_than_two_weeks_say_nothing():
    assert as_wide_as_days(BASELINE, days(1, FEWEST_DAYS - 1)) == BASELINE


def test_uneven_days_raise_false_alarms_without_it_and_none_with_it():
    wide = as_wide_as_days(BASELINE, days(2, 60))
    later = days(3, 150)[60:]

    def found(baseline):
        counted = [recounted(baseline, tally) for tally in later]
        seen = watch_days(baseline, Watch(), None, counted)
        return {one.stream for _, some in seen.by_day for one in some}

    assert "missing:uneven" in found(BASELINE)
    assert "missing:uneven" not in found(wide)


def recounted(baseline, tally):
    """The same day, bet by the ranges of this baseline."""
    ones = {
        stream.id: np.repeat([1.0, 0.0], [int(total), int(n - total)])
        for stream, n, total in zip(baseline.streams, tally.n, tally.total, strict=True)
    }
    return a_day(baseline, tally.day, ones)
