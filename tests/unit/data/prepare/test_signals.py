"""Values set aside by the ranges of a model's signals."""

import polars as pl

from bedside.core.records.declaration import Signal
from bedside.data.prepare import prepare
from bedside.data.store.layout import EVENT_SCHEMA
from served import an_event


def test_what_is_set_aside_under_several_codes_of_a_signal_is_counted_together():
    signal = Signal(label="x", code="LAB//x", also=("OLD//x",), unit="1", plausible=(0.0, 1.0))
    events = [an_event("LAB//x", 9.0), an_event("OLD//x", 9.0), an_event("OLD//x", 0.5)]
    rows = [{name: getattr(event, name) for name in EVENT_SCHEMA} for event in events]

    clean, aside = prepare(pl.DataFrame(rows, schema=EVENT_SCHEMA), {"x": signal})

    assert clean["value"].to_list() == [0.5]
    assert aside == {"x": 2}
