"""Collected events become ready for learning: current, in one unit, plausible, and all counted."""

import math
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid, WrongUnit
from bedside.core.records.event import TAKEN_BACK
from bedside.core.records.quality import Range
from bedside.data.prepare import prepare_events
from bedside.interop.ucum import factor_between, ucum_of
from quality_data import a_source, an_event, events_of

GLUCOSE, TEMPERATURE, OWN = "LOINC//2345-7", "LOINC//8310-5", "LOCAL//X"


def prepared(events, source=None, **options):
    frame = events_of(events)
    batches, preparation = prepare_events(lambda: [frame], source or a_source(), **options)
    return pl.concat(list(batches)), preparation


def test_values_are_converted_to_the_canonical_unit_of_the_built_in_table():
    clean, _ = prepared([an_event(code=TEMPERATURE, value=98.6, unit="°F")])

    assert clean["value"].to_list() == [pytest.approx(37.0)]
    assert clean["unit"].to_list() == ["Cel"]


def test_a_declared_unit_comes_before_the_built_in_one_and_its_range_follows():
    source = a_source(units={TEMPERATURE: "[degF]"})

    clean, preparation = prepared(
        [an_event(code=TEMPERATURE, value=37.0, unit="Cel"),
         an_event(code=TEMPERATURE, value=200.0, unit="[degF]")],
        source,
    )  # fmt: skip

    assert clean["value"].to_list() == [pytest.approx(98.6)]
    assert preparation.implausible == {TEMPERATURE: 1}


def test_a_code_that_nobody_declares_takes_the_unit_of_most_of_its_values():
    events = [an_event(code=OWN, value=v, unit="g/L") for v in (1.0, 2.0)]

    clean, _ = prepared([*events, an_event(code=OWN, value=50.0, unit="mg/dL")])

    assert clean["unit"].unique().to_list() == ["g/L"]
    assert clean["value"].sort().to_list() == [pytest.approx(0.5), 1.0, 2.0]


def test_what_does_not_convert_is_refused_and_counted_with_its_unit():
    clean, preparation = prepared(
        [an_event(code=GLUCOSE, value=5.5, unit="mmol/L"),
         an_event(code=GLUCOSE, value=90.0, unit="furlong"),
         an_event(code=GLUCOSE, value=90.0),
         an_event(code=GLUCOSE, value=math.inf, unit="mg/dL")],
    )  # fmt: skip

    assert clean.is_empty()
    assert preparation.units == {
        (GLUCOSE, "mmol/L", "wrong"): 1,
        (GLUCOSE, "furlong", "not_understood"): 1,
        (GLUCOSE, None, "absent"): 1,
    }
    assert preparation.not_finite == {GLUCOSE: 1}


def test_what_the_source_declares_makes_the_same_values_usable():
    source = a_source(
        quality={
            "molar_masses": {GLUCOSE: 180.156},
            "unit_spellings": {"furlong": "mg/dL"},
            "assumed_units": {GLUCOSE: "mg/dL"},
        }
    )

    clean, _ = prepared(
        [an_event(code=GLUCOSE, value=5.0, unit="mmol/L"),
         an_event(code=GLUCOSE, value=91.0, unit="furlong"),
         an_event(code=GLUCOSE, value=92.0)],
        source,
    )  # fmt: skip

    assert clean["value"].to_list() == [pytest.approx(90.078), 91.0, 92.0]
    assert clean["unit"].unique().to_list() == ["mg/dL"]


def test_milliequivalents_of_a_known_ion_are_its_millimoles():
    clean, _ = prepared(
        [an_event(value=4.1, unit="mEq/L"),
         an_event(code="LOINC//1994-3", value=2.4, unit="mEq/L")],
    )  # fmt: skip

    assert clean["value"].to_list() == [4.1, pytest.approx(1.2)]


def test_a_score_needs_no_unit():
    clean, _ = prepared([an_event(code="LOINC//9269-2", value=15.0)])

    assert clean["value"].to_list() == [15.0]


def test_what_was_taken_back_is_gone_and_its_correction_stands():
    events = [
        an_event(value=9.9, unit="mmol/L", source_row=b"first"),
        an_event(code=TAKEN_BACK, hours=1, source_row=b"second", replaces=b"first"),
        an_event(value=4.2, unit="mmol/L", hours=1, source_row=b"second"),
    ]

    clean, preparation = prepared(events)
    with_history, _ = prepared(events, keeps_history=True)

    assert clean["value"].to_list() == [4.2]
    assert preparation.superseded == 2
    assert with_history["value"].to_list() == [9.9, None, 4.2]


def test_events_without_a_number_are_left_as_they_are():
    events = [an_event(code="SNOMED//1", text="yes"), an_event(code="ICD10//I10")]

    clean, _ = prepared(events)

    assert clean.equals(events_of(events))


def test_a_declared_range_comes_before_the_built_in_one():
    bounds = Range(low=0, high=5, unit="mmol/L", source="the ward")
    events = [an_event(value=v, unit="mmol/L") for v in (4.0, 6.0)]

    clean, preparation = prepared(events, a_source(quality={"ranges": {"LOINC//2823-3": bounds}}))

    assert clean["value"].to_list() == [4.0]
    assert preparation.implausible == {"LOINC//2823-3": 1}


@pytest.mark.parametrize(
    "declared",
    [
        {"units": {"LOINC//2823-3": "furlong"}},
        {"quality": {"unit_spellings": {"mmol/L": "furlong"}}},
        {"quality": {"ranges": {"LOINC//2823-3": Range(low=2, high=1, unit="mmol/L", source="x")}}},
        {
            "quality": {
                "ranges": {"LOINC//2823-3": Range(low=1, high=2, unit="furlong", source="x")}
            }
        },
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(declared):
    with pytest.raises(Invalid):
        prepared([an_event(value=4.0, unit="mmol/L")], a_source(**declared))


def test_small_counts_are_not_told():
    _, preparation = prepared([an_event(value=99.0, unit="mmol/L") for _ in range(3)])

    assert preparation.figures()["implausible"] == {"LOINC//2823-3": "10 or fewer"}


numbers = st.builds(
    an_event,
    subject=st.integers(1, 6),
    code=st.sampled_from([GLUCOSE, TEMPERATURE, OWN, "LOINC//9269-2"]),
    hours=st.none() | st.integers(0, 48),
    value=st.none() | st.sampled_from([math.nan, math.inf]) | st.floats(-50, 3000),
    unit=st.sampled_from([None, "", "mg/dL", "g/L", "mmol/L", "Cel", "degF", "K", "x?", "{score}"]),
    text=st.none() | st.sampled_from(["a", "?"]),
)


@given(st.lists(numbers, min_size=1, max_size=30), st.lists(st.integers(1, 6), max_size=3))
@settings(max_examples=50, deadline=None)
def test_shards_in_any_cut_give_the_rows_and_counts_of_a_plain_loop(events, cuts):
    source = a_source(units={OWN: "mg/dL"})
    whole = events_of(events)
    edges = sorted({0, *cuts, 99})
    parts = [
        whole.filter(pl.col("subject_id").is_between(low + 1, high))
        for low, high in pairwise(edges)
    ]

    batches, preparation = prepare_events(lambda: parts, source)
    clean = pl.concat(list(batches)).sort("source_row")

    canonical = {GLUCOSE: "mg/dL", TEMPERATURE: "Cel", OWN: "mg/dL", "LOINC//9269-2": "{score}"}
    ranges = {GLUCOSE: (0, 2200), TEMPERATURE: (14.2, 47), "LOINC//9269-2": (3, 15)}
    expected, refused, outside, infinite = [], 0, 0, 0
    for event in sorted(whole.to_dicts(), key=lambda row: row["source_row"]):
        value, unit = event["value"], canonical[event["code"]]
        if value is None:
            expected.append((event["source_row"], None, event["unit"]))
            continue
        if not math.isfinite(value):
            infinite += 1
            continue
        written = ucum_of(event["unit"] or "") or ("{score}" if not event["unit"] else None)
        try:
            factor, offset = factor_between(written or "m", unit, what="x")
        except WrongUnit:
            refused += 1
            continue
        low, high = ranges.get(event["code"], (-math.inf, math.inf))
        if low <= value * factor + offset <= high:
            expected.append((event["source_row"], value * factor + offset, unit))
        else:
            outside += 1
    assert clean.select("source_row", "value", "unit").rows() == expected
    assert preparation.not_finite.total() == infinite
    assert preparation.implausible.total() == outside
    assert sum(n for (*_, s), n in preparation.units.items() if s in REFUSED) == refused
    assert preparation.events_out == len(expected)


REFUSED = ("wrong", "absent", "not_understood")
