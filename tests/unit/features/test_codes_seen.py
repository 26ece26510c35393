"""Which codes a question saw: of one question and of many rows, the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.records.codes_seen import codes_from_text
from bedside.core.records.declaration import Signal
from bedside.core.records.event import Event
from bedside.features.codes_at import codes_by_row
from bedside.features.codes_seen import codes_of
from bedside.interop.declaration.reading import read_declaration
from bedside.metrics.names import metric_names
from bedside.usecases import folder_of

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
SIGNALS = {
    "map": Signal(label="MAP", code="LOINC//8478-0", also=("LOINC//76535-7",), unit="mm[Hg]"),
    "ventilation": Signal(
        label="ventilation", code="BEDSIDE//vent", categories={"Y": "yes", "N": "no"}
    ),
    "ward": Signal(label="ward", code="WARD//name", learn_categories=True),
    "sodium": Signal(label="sodium", code="LOINC//2951-2", unit="mmol/L"),
}
MODEL = replace(
    read_declaration(
        (folder_of("icu_mortality") / "bedside.yaml").read_bytes(), metrics=metric_names
    ),
    signals=SIGNALS,
)
CODES = ("LOINC//8478-0", "LOINC//76535-7", "BEDSIDE//vent", "WARD//name", "LOINC//2951-2", "X//1")
EVENTS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from(CODES),
        st.sampled_from([None, "yes", "no", "ja", "a\nb\tc"]),
        st.one_of(st.none(), st.integers(-5, 5)),
        st.integers(-5, 5),
    ),
    max_size=12,
)


def an_event(subject, code, text, time, known):
    return Event(
        subject_id=subject,
        time=None if time is None else AS_OF + timedelta(hours=time),
        known_at=AS_OF + timedelta(hours=known),
        code=code,
        value=None if text else 1.0,
        text=text,
    )


@given(EVENTS)
@settings(max_examples=60, deadline=None)
def test_many_rows_say_what_each_question_says(told):
    events = [an_event(*one) for one in told]
    frame = pl.DataFrame(
        [(one.subject_id, one.time, one.known_at, one.code, one.text) for one in events],
        schema={
            "subject_id": pl.Int64,
            "time": pl.Datetime("us", "UTC"),
            "known_at": pl.Datetime("us", "UTC"),
            "code": pl.String,
            "text": pl.String,
        },
        orient="row",
    )
    asked = pl.DataFrame(
        {"subject_id": [1, 2, 3, 3], "prediction_time": [AS_OF] * 4},
        schema={"subject_id": pl.Int64, "prediction_time": pl.Datetime("us", "UTC")},
    )

    rows = codes_by_row(MODEL, frame, asked).tolist()

    by_subject = [
        codes_of(MODEL, [one for one in events if one.subject_id == subject], AS_OF)
        for subject in (1, 2, 3, 3)
    ]
    assert rows == by_subject


def test_a_text_that_is_no_category_and_the_codes_of_a_signal_of_several_are_told():
    events = [
        an_event(1, "LOINC//76535-7", None, -1, -1),
        an_event(1, "BEDSIDE//vent", "ja", -1, -1),
        an_event(1, "LOINC//2951-2", None, -1, -1),
        an_event(1, "LOINC//8478-0", None, -1, 2),  # not known yet
    ]

    assert [tuple(one) for one in codes_from_text(codes_of(MODEL, events, AS_OF))] == [
        ("map", "LOINC//76535-7", True, False),
        ("ventilation", "ja", False, False),
    ]
