"""Rates, windows, and lead times of live answers."""

from datetime import date

import numpy as np
import pytest

from bedside.core.errors import Invalid
from bedside.monitor.judged.by_month import calibration_by_month
from bedside.monitor.judged.lead import lead_times
from bedside.monitor.judged.rates import rate_of, ratio_of
from bedside.monitor.judged.rows import LiveRows, by_care
from bedside.monitor.judged.windows import last_days, month_of


def rows(subject, **told):
    n = len(subject)
    made = {
        "day": np.zeros(n, np.int64), "hours": np.arange(n, dtype=float),
        "subject": np.array(subject), "scored": np.ones(n, bool), "risk": np.full(n, 0.5),
        "label": np.zeros(n), "threshold": np.full(n, 0.4), "alert": np.zeros(n, bool),
        "shown": np.zeros(n, bool), "acted": np.zeros(n, bool), "event_hours": np.full(n, np.nan),
    }  # fmt: skip
    return LiveRows(**made | {name: np.asarray(value) for name, value in told.items()})


@pytest.mark.parametrize("clustered", [False, True])
def test_the_interval_of_a_rate_holds_the_rate_as_often_as_it_says(clustered):
    random = np.random.default_rng(7)
    held = []
    for _ in range(1500):
        patients = random.poisson(40)
        each = random.poisson(2.0, patients) if clustered else np.ones(patients)
        figure = rate_of(each, 10.0)
        held.append(figure.low <= (8.0 if clustered else 4.0) <= figure.high)

    assert 0.93 <= np.mean(held) <= 0.985


def test_the_interval_of_a_ratio_holds_it_as_often_as_it_says():
    random = np.random.default_rng(8)
    held = []
    for _ in range(1500):
        days = 1 + random.poisson(3.0, 80)
        figure = ratio_of(random.poisson(0.3 * days), days)
        held.append(figure.low <= 0.3 <= figure.high)

    assert 0.92 <= np.mean(held) <= 0.975


def test_nothing_seen_is_not_never_and_no_time_is_no_rate():
    assert rate_of(np.zeros(3), 10.0).high == pytest.approx(0.3689, abs=1e-4)
    assert ratio_of(np.zeros(30), np.ones(30)).high == pytest.approx(3.689 / 30, abs=1e-4)
    assert rate_of([1], 0).estimate is None
    assert ratio_of([], []).estimate is None


def test_a_patient_on_whom_staff_acted_once_is_out_as_a_whole():
    told = rows([0, 0, 1, 2], acted=[False, True, False, False], shown=[False, True, True, False])

    care = by_care(told)

    assert care["all"].tolist() == [True] * 4
    assert care["not_acted"].tolist() == [False, False, True, True]
    assert care["not_shown"].tolist() == [False, False, False, True]


def test_the_lead_is_from_the_first_alert_that_could_find_the_event():
    told = rows(
        [0, 0, 0, 1, 2],
        hours=[0.0, 5.0, 30.0, 3.0, 1.0],
        label=[1.0, 1.0, 0.0, 1.0, 1.0],
        event_hours=[20.0, 20.0, np.nan, 9.0, np.nan],
        alert=[False, True, True, False, True],
        shown=[True] * 5,
    )

    assert np.array_equal(lead_times(told), [15.0, np.nan], equal_nan=True)


def test_months_are_those_of_the_calendar_and_small_ones_are_hidden():
    day = [(date(2026, 2, 28) - date(1970, 1, 1)).days] * 40
    day += [(date(2026, 3, 1) - date(1970, 1, 1)).days] * 40
    label = [1.0, 0.0] * 20 + [0.0] * 35 + [1.0] * 5

    february, march = calibration_by_month(rows(range(80), day=day, label=label))

    assert (february["month"], february["estimate"], february["n"]) == ("2026-02", 1.0, 40)
    assert (march["month"], march["estimate"], march["n"]) == ("2026-03", None, None)


def test_windows_are_whole_days_or_months():
    window = last_days("7 d", date(2026, 3, 1))

    assert (window.since, window.days) == (date(2026, 2, 23), 7)
    assert month_of("2026-12").until == date(2026, 12, 31)
    for wrong in ("0 d", "5 h", "d"):
        with pytest.raises(Invalid):
            last_days(wrong, date(2026, 3, 1))
    with pytest.raises(Invalid):
        month_of("2026-00")
