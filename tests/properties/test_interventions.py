"""What followed an alert, in columns, equals a slow reading of every event, patient by patient."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.records.declaration import Monitoring, Signal
from bedside.core.records.event import TAKEN_BACK, Event
from bedside.core.records.intervention import Intervention
from bedside.core.records.question import CodePattern, Predicate, Question
from bedside.core.records.watch import Watch
from bedside.lifecycle.interventions import shown_by
from bedside.lifecycle.package import load_declaration
from bedside.usecases import folder_of

ORIGIN = datetime(2026, 3, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
SCHEMA = {
    "subject_id": pl.Int64, "time": TIME, "known_at": TIME, "end": TIME, "code": pl.String,
    "value": pl.Float64, "unit": pl.String, "text": pl.String, "encounter_id": pl.Int64,
    "source_row": pl.Binary, "replaces": pl.Binary,
}  # fmt: skip
DRAFTS = {
    "subject_id": pl.Int64, "time": TIME, "known_at": TIME, "code": pl.String,
    "signed": pl.Boolean,
}  # fmt: skip
SIGNALS = {"lactate": Signal(label="lactate", code="LAB//lactate", also=("LAB//lactate2",))}
INTERVENTIONS = {
    "drug": Intervention(
        label="a drug", within="4 h", not_within="3 h",
        event=Predicate(code=CodePattern(regex="DRUG//")),
    ),
    "order": Intervention(
        label="an order", within="2 h", shows="order", drafts="selected",
        event=Predicate(code="DRUG//a"),
    ),
    "much": Intervention(
        label="much of it", within="6 h", not_within="1 h",
        event=Predicate(code="DRUG//b", value_min=2.0, value_min_inclusive=True),
    ),
    "measured": Intervention(label="measured", within="3 h", signal="lactate", drafts="none"),
}  # fmt: skip
DECLARED = replace(
    load_declaration(folder_of("diagnosis"))[0],
    signals=SIGNALS,
    question=Question(ask="?", predicates={}, trigger="t", settles_after="1 h"),
    monitoring=Monitoring(watch=Watch(interventions=INTERVENTIONS)),
)
hours = st.integers(0, 12)
codes = st.sampled_from(["DRUG//a", "DRUG//b", "LAB//lactate", "LAB//lactate2", "OTHER//x"])


def hour(number):
    return ORIGIN + timedelta(hours=number)


@st.composite
def events(draw):
    """Facts of a few subjects, some late, some corrected, some taken back."""
    made = []
    for number in range(draw(st.integers(0, 12))):
        subject, time = draw(st.integers(1, 3)), hour(draw(hours))
        own = [one for one in made if one.subject_id == subject]
        kind = draw(st.sampled_from(["fact"] * 4 + ["correction", "back"])) if own else "fact"
        told = {
            "subject_id": subject, "time": time, "code": draw(codes),
            "known_at": time + timedelta(hours=draw(st.sampled_from([0, 0, 1, 4, 9]))),
            "value": draw(st.sampled_from([1.0, 2.0, 3.0])), "source_row": bytes([number]),
        }  # fmt: skip
        if kind != "fact":
            told["replaces"] = draw(st.sampled_from(own)).source_row
        if kind == "back":
            told |= {"code": TAKEN_BACK, "value": None}
        made.append(Event(**told))
    return made


drafts = st.lists(st.tuples(st.integers(1, 4), hours, codes, st.booleans()), max_size=6)
alerts = st.lists(st.tuples(st.integers(1, 4), hours), max_size=6)


def slowly(one, told, ordered, subject, at, end):
    """The state of one intervention after one alert: every event looked at, one by one."""

    def is_it(code, value):
        if one.signal:
            return code in SIGNALS[one.signal].codes
        pattern = one.event.code
        named = code == pattern if isinstance(pattern, str) else code.startswith(pattern.regex)
        return named and (one.event.value_min is None or value >= one.event.value_min)

    gone = {(each.subject_id, each.replaces) for each in told if each.replaces is not None}
    seen = [
        (each.time, one.shows)
        for each in told
        if each.subject_id == subject
        and each.code != TAKEN_BACK
        and (subject, each.source_row) not in gone
        and is_it(each.code, each.value)
    ]
    if one.drafts != "none" and one.event.value_min is None:
        seen += [
            (hour(time), "order")
            for whose, time, code, signed in ordered
            if whose == subject and is_it(code, None) and (signed or one.drafts == "selected")
        ]
    length = {"4 h": 4, "2 h": 2, "6 h": 6, "3 h": 3, "1 h": 1}
    within = timedelta(hours=length[one.within])
    if one.not_within is not None:
        back = timedelta(hours=length[one.not_within])
        if any(at - back <= time <= at for time, _ in seen):
            return {"state": "running"}
    after = [(time, kind) for time, kind in seen if at < time <= at + within]
    if after:
        first = (min(after)[0] - at) / timedelta(hours=1)
        return {"state": "followed", "hours": first, "by": sorted({kind for _, kind in after})}
    return {"state": "none" if at + within <= end else "open"}


@given(told=events(), ordered=drafts, asked=alerts, now=st.integers(0, 24))
@settings(max_examples=150, deadline=None)
def test_columns_equal_a_slow_reading(told, ordered, asked, now):
    known = [one for one in told if one.known_at <= hour(now)]
    ordered = [one for one in ordered if one[1] <= now]
    found = shown_by(
        DECLARED,
        pl.DataFrame([{n: getattr(one, n) for n in SCHEMA} for one in known], schema=SCHEMA),
        pl.DataFrame(
            [(whose, hour(at), hour(at), code, signed) for whose, at, code, signed in ordered],
            schema=DRAFTS, orient="row",
        ),
        np.array([subject for subject, _ in asked], dtype=np.int64),
        np.array([hour(at).timestamp() * 1e6 for _, at in asked]).astype(np.int64),
        now=hour(now),
    )  # fmt: skip

    last = max((one.known_at for one in known), default=None)
    end = ORIGIN - timedelta(days=1) if last is None else last - timedelta(hours=1)
    for (subject, at), marks in zip(asked, found, strict=True):
        for name, one in INTERVENTIONS.items():
            assert marks[name] == slowly(one, known, ordered, subject, hour(at), end)
