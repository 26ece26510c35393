"""The quality of a data set against a slow and obvious count, and in whatever shards it comes."""

import math
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.core.records.event import TAKEN_BACK
from bedside.core.records.quality import CodeQuality
from bedside.data.quality import assess
from bedside.data.quality.missing import MISSING_WORDS
from quality_data import START, a_source, an_event, events_of, quality_of, reported

GLUCOSE, POTASSIUM, OWN, SITE = "LOINC//2345-7", "LOINC//2823-3", "LOCAL//X", "WARD//site"
NOW = START + timedelta(hours=40)

numbers = st.builds(
    an_event,
    subject=st.integers(1, 8),
    code=st.sampled_from([GLUCOSE, POTASSIUM, OWN]),
    hours=st.none() | st.integers(0, 48),
    value=st.none() | st.sampled_from([math.nan, 4.0, 90.0]) | st.integers(-5, 40).map(float),
    unit=st.sampled_from([None, "mg/dL", "g/L", "mmol/L", "x?"]),
    text=st.none() | st.sampled_from(["a", "b", "?", "Unknown"]),
    known_at=st.integers(-5, 60).map(lambda hours: START + timedelta(hours=hours)),
    end=st.none() | st.integers(0, 60).map(lambda hours: START + timedelta(hours=hours)),
)


def static(code: str, hours, **more):
    return st.builds(an_event, subject=st.integers(1, 8), code=st.just(code), hours=hours, **more)


others = st.one_of(
    static("MEDS//DEATH", st.integers(9, 40)),
    static("MEDS//BIRTH", st.integers(-9, 9)),
    static(SITE, st.none(), text=st.sampled_from(["North", "South"])),
)
wards = st.lists(numbers | others, min_size=1, max_size=40)
SOURCE = a_source(units={OWN: "mg/dL"}, quality={"site_code": SITE, "expected": (GLUCOSE,)})


def in_shards(events, cuts):
    edges = sorted({0, 9, *cuts})
    return [
        events.filter(pl.col("subject_id").is_between(low + 1, high))
        for low, high in pairwise(edges)
    ]


@given(wards, st.lists(st.integers(1, 8), max_size=2))
@settings(max_examples=20, deadline=None)
def test_shards_in_any_cut_give_the_same_report(events, cuts):
    whole = events_of(events)
    shards = in_shards(whole, cuts)

    at_once = assess(lambda: [whole], SOURCE, reported(), now=NOW)
    in_parts = assess(lambda: iter(shards), SOURCE, reported(), now=NOW)
    backwards = assess(lambda: shards[::-1], SOURCE, reported(), now=NOW)

    assert at_once == in_parts == backwards


@given(wards)
@settings(max_examples=20, deadline=None)
def test_every_count_is_that_of_a_plain_loop(events):
    report = assess(lambda: [events_of(events)], SOURCE, reported(), now=NOW)

    rows = events_of(events).to_dicts()
    assert report.events == len(rows)
    assert report.subjects == len({row["subject_id"] for row in rows})
    assert {code.code for code in report.codes} == {row["code"] for row in rows}
    for code in report.codes:
        mine = [row for row in rows if row["code"] == code.code]
        counted_by_hand(code, mine, rows)


def counted_by_hand(code: CodeQuality, mine: list[dict], rows: list[dict]) -> None:
    def pair(chosen):
        chosen = list(chosen)
        return (len(chosen), len({row["subject_id"] for row in chosen}))

    def told(counted):
        return (counted.rows, counted.subjects)

    born, died = first_times(rows, "MEDS//BIRTH"), first_times(rows, "MEDS//DEATH")
    timed = [row for row in mine if row["time"] is not None]
    never = datetime.max.replace(tzinfo=START.tzinfo)
    speaks = any(row["value"] is not None or row["text"] is not None for row in mine)
    finite = [row for row in mine if row["value"] is not None and math.isfinite(row["value"])]

    assert told(code.counted) == pair(mine)
    assert code.values == sum(row["value"] is not None for row in mine)
    assert code.not_finite == code.values - len(finite)
    assert Counter({use.unit: use.counted.rows for use in code.units}) == Counter(
        row["unit"] for row in finite
    )
    assert told(code.answered) == pair(
        row for row in mine
        if not (row["text"] and row["text"].casefold() in MISSING_WORDS)
        and (not speaks or any(row[name] is not None for name in ("value", "text", "end")))
    )  # fmt: skip
    assert {name: told(found) for name, found in code.temporal.items()} == {
        "known_before_it_happened": pair(row for row in timed if row["known_at"] < row["time"]),
        "ends_before_it_begins": pair(
            row for row in timed if row["end"] is not None and row["end"] < row["time"]
        ),
        "after_death": pair(r for r in timed if r["time"] > died.get(r["subject_id"], never)),
        "before_birth": pair(
            r for r in timed
            if r["code"] != "MEDS//BIRTH" and r["subject_id"] in born
            and r["time"] < born[r["subject_id"]]
        ),
        "in_the_future": pair(row for row in timed if row["time"] > NOW),
    }  # fmt: skip
    seen: set[tuple] = set()
    again = []
    for row in timed:
        word = (
            row["subject_id"],
            row["time"],
            row["end"],
            str(row["value"]),
            row["unit"],
            row["text"],
        )
        if word in seen:
            again.append(row)
        seen.add(word)
    assert told(code.duplicates) == pair(again)


def first_times(rows: list[dict], code: str) -> dict[int, datetime]:
    found: dict[int, datetime] = {}
    for row in rows:
        if row["code"] == code:
            found[row["subject_id"]] = min(found.get(row["subject_id"], row["time"]), row["time"])
    return found


def test_what_was_replaced_or_taken_back_is_not_judged():
    report = quality_of(
        [
            an_event(value=99.0, unit="mmol/L", source_row=b"first"),
            an_event(code=TAKEN_BACK, source_row=b"second", replaces=b"first"),
            an_event(value=4.0, unit="mmol/L", source_row=b"second"),
        ]
    )

    (code,) = report.codes
    assert (report.events, report.replaced) == (1, 2)
    assert (code.judged, code.implausible.rows) == (1, 0)


def test_the_trend_gives_each_period_its_rows_and_its_median():
    days = [an_event(subject, hours=24 * day, value=3 + day / 100, unit="mmol/L")
            for day in range(120) for subject in (1, 2)]  # fmt: skip

    report = quality_of(days)

    (code,) = report.codes
    assert report.every == "month"
    by_month = defaultdict(list)
    for day in range(120):
        by_month[f"{START + timedelta(days=day):%Y-%m}-01"].append(3 + day / 100)
    assert {period.start: period.counted.rows for period in code.periods} == {
        month: 2 * len(values) for month, values in by_month.items()
    }
    for period in code.periods:
        values = sorted(by_month[period.start])
        assert period.median == pytest.approx(values[(len(values) + 1) // 2 - 1], rel=0.01)


def test_one_wrong_date_does_not_stretch_the_trend():
    days = [an_event(hours=24 * day, value=4.0, unit="mmol/L") for day in range(700)]

    report = quality_of([*days, an_event(hours=-24 * 365 * 100, value=4.0, unit="mmol/L")])

    assert report.every == "month"
    assert report.first is not None
    assert report.first.startswith("1920")


def test_a_report_needs_events_and_a_moment_with_a_zone():
    with pytest.raises(Invalid):
        assess(list, a_source(), reported())
    with pytest.raises(Invalid):
        quality_of([an_event()], now=datetime(2020, 1, 1))  # noqa: DTZ001 - that is the point
