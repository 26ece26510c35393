"""Many patients told at once, as columns: the same checks and features as one by one, as events."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.clock import since_1970
from bedside.core.records.declaration import Eligibility, Signal
from bedside.core.records.event import Event
from bedside.features.definition import Feature, FeatureSet
from bedside.features.inputs import check_inputs, clean_events
from bedside.features.inputs_now import check_told, clean_told
from bedside.features.single import features_of
from bedside.features.told_rows import RowFeatures, ToldColumn, ToldRows
from served import a_declaration

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
NUMBERS = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 1.0])


def signal(code, **more):
    return Signal(label=code, code=code, visible_after="0 min", **more)


# Codes that two signals share, in other units; facts without a time; a category that is required.
LABELS = ("low", "high", "other")
SIGNALS = {
    "a": signal("A//1", plausible=(-1e5, 1e5), unit="mg/dL", required=True),
    "b": signal("B//2", also=("A//1",), unit="mg/dL", required=True, stale_after="1h"),
    "c": signal("C//3", role="static", plausible=(0.0, 100.0)),
    "d": signal("D//4", also=("C//3",), plausible=(-10.0, 1e5)),
    "e": signal("E//5", categories={one: one for one in LABELS}, required=True),
}
RULES = (Eligibility(signal="d", at_least=-5.0), Eligibility(signal="c", at_most=90.0))
DECLARED = [
    a_declaration(signals=SIGNALS, eligibility=RULES, features=()),
    a_declaration(
        signals={n: replace(s, required=False) for n, s in SIGNALS.items()},
        eligibility=(*RULES, Eligibility(signal="e", at_least=0.0)),
        features=(),
    ),
]
COLUMNS = [
    ToldColumn(name="a", code="A//1", unit="mg/dL"),
    ToldColumn(name="a2", code="A//1", unit="g/L"),
    ToldColumn(name="b", code="B//2"),
    ToldColumn(name="c", code="C//3", is_static=True),
    ToldColumn(name="d", code="C//3"),
    ToldColumn(name="e", code="E//5", labels=LABELS),
    ToldColumn(name="e2", code="B//2", labels=(*LABELS, "unheard of")),
]
NUMERIC = (
    "count", "missing", "last", "first", "min", "max", "mean", "sum", "sd", "slope", "change",
    "hours_since", "hours_active", "active",
)  # fmt: skip


def every_feature():
    for codes in (("A//1",), ("C//3",), ("B//2",), ("A//1", "C//3"), ("E//5", "C//3"), ("F//6",)):
        for hours in (3.0, None):
            for aggregate in NUMERIC:
                yield a_feature(aggregate, codes, hours)
                yield a_feature(aggregate, codes, hours, mark=True)
            yield a_feature("from_baseline", codes, 3.0, baseline_hours=5.0)
            for other in (True, False):
                for aggregate in ("last", "first", "count", "missing"):
                    more = {"categories": LABELS, "has_other": other}
                    yield a_feature(aggregate, codes, hours, **more)
                yield a_feature("last_is", codes, hours, category="high", **more)
    yield a_feature("hour_of_day", (), None, timezone="Europe/Berlin")


def a_feature(aggregate, codes, hours, **more):
    name = f"{codes}.{aggregate}.{hours}.{more}"
    told = {"signal": "x", "label": "x", "unit": "1", **more}
    return Feature(name=name, codes=codes, aggregate=aggregate, window_hours=hours, **told)


EVERY = FeatureSet(features=tuple(every_feature()))


@st.composite
def tables(draw):
    columns = draw(st.permutations(COLUMNS))[: draw(st.integers(0, len(COLUMNS)))]
    count = draw(st.integers(1, 5))
    told = []
    for column in columns:
        kind = st.none() | st.integers(0, len(column.labels) - 1) if column.labels else NUMBERS
        values = [draw(kind) for _ in range(count)]
        told.append(np.array([np.nan if one is None else one for one in values], dtype=float))
    moments = [NOW + timedelta(hours=draw(st.integers(0, 30))) for _ in range(count)]
    stamps = np.array([since_1970(one) for one in moments], dtype=np.int64)
    return ToldRows(columns=tuple(columns), values=tuple(told), as_of=stamps), moments


def as_events(rows, at, moment):
    made = []
    for column, values in zip(rows.columns, rows.values, strict=True):
        value = float(values[at])
        if not np.isnan(value):
            made.append(
                Event(
                    subject_id=0,
                    time=None if column.is_static else moment,
                    known_at=moment,
                    code=column.code,
                    value=None if column.labels else value,
                    unit=None if column.labels else column.unit,
                    text=column.labels[int(value)] if column.labels else None,
                )
            )
    return made


@given(told=tables())
@settings(max_examples=60, deadline=None)
def test_features_of_columns_are_those_of_events_to_the_last_bit(told):
    rows, moments = told

    matrix = RowFeatures(EVERY, rows.columns).of(rows)

    for at, moment in enumerate(moments):
        alone = features_of(EVERY, as_events(rows, at, moment), moment)
        assert matrix[at].tobytes() == alone.tobytes()


def test_only_a_feature_that_is_the_value_of_one_column_is_copied():
    copied = {EVERY.features[at].name for at, _ in RowFeatures(EVERY, COLUMNS[1:4])._copied}

    one, static = (3.0, None), (None,)  # what has no time is in the window of all alone
    told = {("A//1",): one, ("B//2",): one, ("C//3",): static, ("E//5", "C//3"): static}
    assert copied == {
        f"{codes}.{kind}.{hours}.{{}}"
        for codes, windows in told.items()
        for hours in windows
        for kind in ("last", "first", "min", "max", "mean", "sum")
    }


def test_a_text_that_is_no_category_comes_before_every_other_reason():
    column = ToldColumn(name="e", code="E//5", labels=LABELS)
    rows = ToldRows(
        columns=(column,), values=(np.array([3.0, 1.0]),), as_of=np.zeros(2, dtype=np.int64)
    )

    checked = check_told(DECLARED[0], rows, {})

    assert checked.rows() == [("out_of_range", "e"), ("missing", "a")]


@given(told=tables(), declaration=st.sampled_from(DECLARED))
@settings(max_examples=200, deadline=None)
def test_checks_of_columns_are_those_of_events(told, declaration):
    rows, moments = told

    clean, rejected = clean_told(declaration.signals, rows)
    checked = check_told(declaration, clean, rejected)

    for at, moment in enumerate(moments):
        events, aside = clean_events(declaration.signals, as_events(rows, at, moment))
        none = check_inputs(declaration, events, aside, moment)
        expected = (None, None) if none is None else (str(none.reason), none.signal)
        assert checked.row(at) == expected
        assert {name for name, some in rejected.items() if some[at]} == set(aside)
        kept = as_events(clean, at, moment)
        assert [(one.code, one.value, one.text) for one in kept] == [
            (one.code, one.value, one.text) for one in events
        ]
