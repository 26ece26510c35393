"""What a nurse reads: every aggregate in words, with its unit, its window and its age."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.records.features import CALENDAR, EVER, Aggregate
from bedside.features.definition import Feature
from bedside.features.wording import definition, describe, title, window

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=40)
NOT_THERE = float("nan")
LACTATE = Feature(
    name="lactate.max.24h",
    signal="lactate",
    codes=("LOINC//2524-7",),
    label="lactate",
    aggregate="max",
    window_hours=24.0,
    unit="mmol/L",
    event_unit="mmol/L",
)
RHYTHM = replace(
    LACTATE,
    label="rhythm",
    codes=("RHYTHM//1",),
    unit=None,
    event_unit=None,
    categories=("sinus", "atrial fibrillation"),
    category="atrial fibrillation",
)
OXYGEN = replace(LACTATE, label="oxygen", codes=("DRUG//O2",), unit="1", event_unit=None)
BIRTH = replace(
    LACTATE, signal="", codes=("MEDS//BIRTH",), label="age", unit="a", window_hours=None,
    aggregate="hours_since", event_unit=None,
)  # fmt: skip
YEAR_OF_HOURS = 24 * 365.25


def over(feature: Feature, aggregate: str, **changes: object) -> Feature:
    units = {"count": "1", "missing": "1", "hours_since": "h", "slope": "mmol/L/h"}
    told: dict[str, object] = {"unit": units.get(aggregate, feature.unit), **changes}
    return replace(feature, aggregate=aggregate, **told)


SAID = [
    (over(LACTATE, "last"), 3.84, "lactate 3.84 mmol/L, measured 40 min ago"),
    (over(LACTATE, "first"), 3.8, "lactate 3.8 mmol/L, first in 24 h, measured 40 min ago"),
    (over(LACTATE, "min"), 1.0, "lactate 1 mmol/L, lowest in 24 h, measured 40 min ago"),
    (over(LACTATE, "max"), 3.8, "lactate 3.8 mmol/L, highest in 24 h, measured 40 min ago"),
    (over(LACTATE, "mean"), 2.5, "lactate 2.5 mmol/L, average in 24 h, last measured 40 min ago"),
    (over(LACTATE, "sum"), 9.0, "lactate 9 mmol/L, total in 24 h, last measured 40 min ago"),
    (
        over(LACTATE, "sd"),
        0.5,
        "lactate 0.5 mmol/L, standard deviation in 24 h, last measured 40 min ago",
    ),
    (
        over(LACTATE, "slope"),
        0.4,
        "lactate rising by 0.4 mmol/L per h in 24 h, last measured 40 min ago",
    ),
    (
        over(LACTATE, "slope"),
        -0.4,
        "lactate falling by 0.4 mmol/L per h in 24 h, last measured 40 min ago",
    ),
    (over(LACTATE, "slope"), 0.0, "lactate steady in 24 h, last measured 40 min ago"),
    (over(LACTATE, "change"), -1.5, "lactate down by 1.5 mmol/L in 24 h, last measured 40 min ago"),
    (over(LACTATE, "change"), 0.0, "lactate unchanged in 24 h, last measured 40 min ago"),
    (
        over(LACTATE, "from_baseline", baseline_hours=720.0),
        1.2,
        "lactate 1.2 mmol/L above the average of the 30 days before, last measured 40 min ago",
    ),
    (over(LACTATE, "count"), 3.0, "lactate measured 3 times in 24 h, last 40 min ago"),
    (over(LACTATE, "count"), 1.0, "lactate measured once in 24 h, last 40 min ago"),
    (over(LACTATE, "missing"), 0.0, "lactate measured in 24 h, last 40 min ago"),
    (over(LACTATE, "hours_since"), 2 / 3, "last lactate 40 min ago"),
    (over(OXYGEN, "active"), 1.0, "on oxygen now, started 40 min ago"),
    (over(OXYGEN, "hours_active"), 5.0, "oxygen for 5 h of the last 24 h"),
    (over(OXYGEN, "count"), 2.0, "oxygen given twice in 24 h, last 40 min ago"),
    (over(RHYTHM, "last_is"), 1.0, "rhythm is atrial fibrillation, recorded 40 min ago"),
    (over(RHYTHM, "last_is"), 0.0, "rhythm is not atrial fibrillation, recorded 40 min ago"),
    (over(RHYTHM, "last"), 0.0, "rhythm: sinus, recorded 40 min ago"),
    (over(BIRTH, "hours_since", unit="a"), 71.4, "71 years old"),
    (over(BIRTH, "hours_since", unit="d"), 60.0, "60 days old"),
]  # fmt: skip
SAID_WITHOUT_EVENTS = [
    (over(LACTATE, "max"), NOT_THERE, "lactate not measured in 24 h"),
    (over(LACTATE, "last", window_hours=87600.0), NOT_THERE, "lactate not measured"),
    (
        over(LACTATE, "mean", window_hours=None),
        NOT_THERE,
        "lactate not measured in the whole record",
    ),
    (over(LACTATE, "last", window_hours=None, label="weight"), NOT_THERE, "weight not known"),
    (over(LACTATE, "slope"), NOT_THERE, "lactate measured less than twice in 24 h"),
    (over(LACTATE, "count"), 0.0, "lactate not measured in 24 h"),
    (over(LACTATE, "missing"), 1.0, "lactate not measured in 24 h"),
    (over(OXYGEN, "active"), 0.0, "not on oxygen now"),
    (over(OXYGEN, "hours_active"), 0.0, "no oxygen in 24 h"),
    (over(RHYTHM, "last"), NOT_THERE, "rhythm: unknown"),
    (over(BIRTH, "hours_since", unit="a"), NOT_THERE, "age not known"),
    (
        over(BIRTH, "hours_since", codes=("VISIT//icu",), label="ICU admission", unit="h"),
        NOT_THERE,
        "no ICU admission recorded",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("feature", "value", "text"), SAID)
def test_a_value_is_said_with_its_unit_its_window_and_its_age(feature, value, text):
    assert describe(feature, value, measured=EARLIER, as_of=NOW) == text


@pytest.mark.parametrize(("feature", "value", "text"), SAID_WITHOUT_EVENTS)
def test_what_is_not_there_is_said_to_be_missing(feature, value, text):
    assert describe(feature, value, as_of=NOW) == text


def test_the_calendar_is_the_time_of_the_question():
    parts = {part: replace(LACTATE, aggregate=part, codes=(), label=part) for part in CALENDAR}

    assert describe(parts["hour_of_day"], 14.0) == "asked at 14 o'clock"
    assert describe(parts["month"], 3.0) == "asked in March"
    assert describe(parts["day_of_week"], float(NOW.weekday())) == "asked on a Monday"


def test_a_single_measurement_is_not_called_unchanged():
    change = over(LACTATE, "change")

    text = describe(change, 0.0, measured=EARLIER, as_of=NOW, events=1)

    assert text == "lactate measured only once in 24 h, 40 min ago"


def test_what_was_measured_once_was_not_last_measured():
    mean, count = over(LACTATE, "mean"), over(LACTATE, "count")

    texts = [
        describe(feature, value, measured=EARLIER, as_of=NOW, events=1)
        for feature, value in ((mean, 2.0), (count, 1.0))
    ]

    assert texts == [
        "lactate 2 mmol/L, average in 24 h, measured 40 min ago",
        "lactate measured once in 24 h, 40 min ago",
    ]


def test_a_child_is_as_old_as_parents_say():
    days, years = over(BIRTH, "hours_since", unit="d"), over(BIRTH, "hours_since", unit="a")

    assert describe(days, 1.4) == "1 day old"
    assert describe(years, 14.5 / 12) == "14 months old"
    assert describe(years, 1.999) == "23 months old"
    assert describe(years, 6.99) == "6 years old"


@pytest.mark.parametrize("aggregate", [*get_args(Aggregate), "last_is", *CALENDAR])
def test_every_aggregate_has_a_title_a_definition_and_a_window_of_its_own(aggregate):
    feature = over(LACTATE, aggregate, baseline_hours=720.0, category="high")

    assert definition(feature).endswith(".")
    assert aggregate in ("last",) or title(feature) != "lactate"
    assert window(feature) == "the last 24 h"
    assert window(replace(feature, window_hours=None)) == "the whole record"


def test_what_looks_back_for_ever_names_no_window_in_its_text():
    last = over(LACTATE, "last", window_hours=float(EVER.split()[0]) * 24)

    assert window(last) == "the whole record"
    assert describe(last, 2.0) == "lactate 2 mmol/L"


@given(
    st.sampled_from([case[0] for case in SAID]),
    st.floats(0.001, 9e5),
    st.timedeltas(timedelta(0), timedelta(days=4000)),
)
def test_a_text_says_its_value_once_and_never_with_an_exponent(feature, value, age):
    whole = float(int(value) % 2) if feature.categories or feature.aggregate == "active" else value

    text = describe(feature, whole, measured=NOW - age, as_of=NOW)

    assert not re.search(r"\d[eE][+-]?\d", text)
    assert "nan" not in text
    for number in re.findall(r"\d{4,}", text.replace(",", "")):
        assert text.replace(",", "").count(number) == 1
