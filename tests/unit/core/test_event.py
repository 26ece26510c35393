"""An event that is made quickly is the event that is made slowly."""

from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.records import event as module
from bedside.core.records.event import Event, event_of

moments = st.datetimes(timezones=st.just(UTC))
parts = st.tuples(
    st.integers(),
    st.none() | moments,
    moments,
    st.text(),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.text(),
    st.none() | st.text(),
    st.none() | moments,
    st.binary(),
)
NAMES = ("subject_id", "time", "known_at", "code", "value", "unit", "text", "end", "source_row")


@given(parts)
def test_both_ways_make_the_same_event(told):
    quick, slow = event_of(*told), Event(**dict(zip(NAMES, told, strict=True)))

    assert type(quick) is Event
    assert quick == slow
    assert hash(quick) == hash(slow)
    assert repr(quick) == repr(slow)
    assert replace(quick, code="x") == replace(slow, code="x")
    with pytest.raises(FrozenInstanceError):
        quick.code = "y"


def test_the_open_form_has_the_fields_of_an_event_in_their_order():
    assert [one.name for one in fields(module._Open)] == [one.name for one in fields(Event)]
