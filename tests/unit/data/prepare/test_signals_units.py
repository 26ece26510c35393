"""Preparing for one model: values in the units that it declares, what is implausible set aside."""

from datetime import UTC, datetime

import polars as pl
import pytest

from bedside.core.errors import WrongUnit
from bedside.core.records.declaration import Signal
from bedside.data.prepare import prepare
from bedside.data.store.layout import EVENT_SCHEMA

WEIGHT = Signal(label="weight", code="LOINC//29463-7", unit="kg", plausible=(1.0, 400.0))
SIGNALS = {"weight": WEIGHT}


def events(*rows):
    blank = dict.fromkeys(EVENT_SCHEMA)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    base = {"subject_id": 1, "time": now, "known_at": now, "code": "LOINC//29463-7"}
    return pl.DataFrame([{**blank, **base, **row} for row in rows], schema=EVENT_SCHEMA)


def test_a_value_in_another_unit_is_converted_to_the_declared_one():
    made, _ = prepare(
        events({"value": 70.0, "unit": "kg"}, {"value": 2500.0, "unit": "g"}), SIGNALS
    )

    assert made["value"].to_list() == pytest.approx([70.0, 2.5])
    assert made["unit"].cast(pl.String).to_list() == ["kg", "kg"]


def test_a_unit_that_cannot_be_converted_is_refused_without_the_value():
    with pytest.raises(WrongUnit) as caught:
        prepare(events({"value": 71.25, "unit": "mm[Hg]"}), SIGNALS)

    assert "71.25" not in str(caught.value)


def test_events_of_no_signal_stay_as_they_are():
    made, aside = prepare(events({"code": "OTHER//x", "value": 1e9, "unit": "mm[Hg]"}), SIGNALS)

    assert made["value"].to_list() == [1e9]
    assert not aside


def test_an_implausible_correction_still_takes_back_what_it_corrects():
    made, aside = prepare(
        events(
            {"value": 70.0, "unit": "kg", "source_row": b"a"},
            {"value": 9000.0, "unit": "kg", "source_row": b"b", "replaces": b"a"},
        ),
        SIGNALS,
    )

    assert made["value"].to_list() == [70.0, None]
    assert made["replaces"].to_list() == [None, b"a"]
    assert aside == {"weight": 1}
