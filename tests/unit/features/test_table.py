"""How categories and marks become numbers: the same for a shard and for one request."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Signal
from bedside.core.records.features import ChosenCode, FeatureRule, Learnt, Vocabulary
from bedside.data.store.layout import EVENT_SCHEMA
from bedside.features.batch import features_at
from bedside.features.definition import expand, feature_set_from_json, feature_set_to_json
from bedside.features.single import features_of
from bedside.features.wording import describe
from served import NOW, a_declaration, an_event, hours_ago

BANDS = {"[0-10)": "under 10", "[10-20)": "10 to 20", "[20-30)": "20 to 30", "[30-40)": "30 to 40"}
SIGNALS = {
    "band": Signal(label="age band", code="AGE//band", categories=BANDS),
    "ward": Signal(label="ward", code="WARD//name", also=("WARD//old",), learn_categories=True),
}
LEARNT = Learnt(
    codes={
        2: (
            ChosenCode(code="LAB//k", unit="mmol/L"),
            ChosenCode(code="DRUG//x", mark=True),
            ChosenCode(code="SEX//f", mark=True, static=True),
        )
    },
    categories={"ward": ("icu", "surgery", "other")},
)


def the_features(*aggregates, encode="index"):
    rules = (
        FeatureRule(signals=("band",), aggregates=aggregates, windows=("24h",), encode="ordinal"),
        FeatureRule(
            signals=("ward",), aggregates=("last", "count"), windows=("24h",), encode=encode
        ),
        FeatureRule(
            vocabulary=Vocabulary(prefixes=("LAB//", "DRUG//")),
            aggregates=("last", "count"),
            windows=("24h",),
        ),
    )
    return expand(a_declaration(signals=SIGNALS, features=rules, eligibility=()), LEARNT)


def table(events):
    rows = [{name: getattr(event, name) for name in EVENT_SCHEMA} for event in events]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


def values(features, events):
    """The features of one patient by name, after a shard and a request gave the same bits."""
    asked = pl.DataFrame(
        {"subject_id": [7], "prediction_time": [NOW]},
        schema={"subject_id": pl.Int64, "prediction_time": pl.Datetime("us", "UTC")},
    )
    single = features_of(features, events, NOW)
    assert features_at(features, table(events), asked)[0].tobytes() == single.tobytes()
    return dict(zip(features.names, single.tolist(), strict=True))


def said(code, hours, **parts):
    return an_event(code, time=hours_ago(hours), known_at=hours_ago(hours), **parts)


def test_bands_in_a_declared_order_have_a_least_a_greatest_and_a_change_in_steps():
    events = [
        said("AGE//band", 3, text="10 to 20"),
        said("AGE//band", 2, text="30 to 40"),
        said("AGE//band", 1, text="20 to 30"),
    ]

    found = values(the_features("last", "min", "max", "change"), events)

    assert [found[f"band.{one}"] for one in ("last", "min.24h", "max.24h", "change.24h")] == [
        2.0,
        1.0,
        3.0,
        1.0,
    ]


def test_the_highest_band_is_told_by_its_label():
    by_name = {feature.name: feature for feature in the_features("max").features}

    assert describe(by_name["band.max.24h"], 3.0).startswith("age band: 30 to 40")


def test_a_text_that_was_not_learnt_is_the_last_label_and_none_is_missing():
    rare, known = said("WARD//old", 1, text="hand clinic"), said("WARD//name", 2, text="surgery")

    assert values(the_features("last"), [rare, known])["ward.last"] == 2.0
    assert values(the_features("last"), [known])["ward.last"] == 1.0
    assert np.isnan(values(the_features("last"), [])["ward.last"])
    assert np.isnan(values(the_features("last"), [said("WARD//name", 1, value=3.0)])["ward.last"])


def test_a_text_that_is_no_declared_category_is_missing():
    assert np.isnan(values(the_features("last"), [said("AGE//band", 1, text="old")])["band.last"])


def test_each_event_of_a_mark_counts_as_one_whatever_it_says_unless_it_takes_another_back():
    first = said("DRUG//x", 3, value=500.0, unit="mg", source_row=b"1")
    events = [
        first,
        said("DRUG//x", 2, text="oral"),
        said("DRUG//x", 1),
        said("DRUG//x", 0.5, source_row=b"2", replaces=b"1"),
    ]

    found = values(the_features("last"), events)

    assert (found["DRUG//x.last"], found["DRUG//x.count.24h"]) == (1.0, 2.0)


def test_a_chosen_static_fact_is_there_or_not_and_is_never_counted():
    found = values(the_features("last"), [an_event("SEX//f", time=None, known_at=hours_ago(1))])

    assert found["SEX//f.last"] == 1.0
    assert "SEX//f.count.24h" not in found
    assert np.isnan(values(the_features("last"), [])["SEX//f.last"])


def test_a_number_without_a_value_but_with_a_text_is_missing():
    found = values(the_features("last"), [said("LAB//k", 1, text="haemolysed")])

    assert np.isnan(found["LAB//k.last"])


def test_one_hot_asks_of_each_label_whether_it_is_the_last():
    found = values(
        the_features("last", encode="one_hot"),
        [said("WARD//name", 2, text="surgery"), said("WARD//name", 1, text="hand clinic")],
    )

    assert {name: value for name, value in found.items() if name.startswith("ward.last")} == {
        "ward.last.is_icu": 0.0,
        "ward.last.is_surgery": 0.0,
        "ward.last.is_other": 1.0,
    }


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (FeatureRule(signals=("ward",), encode="ordinal"), "no declared categories"),
        (
            FeatureRule(signals=("band",), aggregates=("max",), windows=("6h",)),
            "no 'max' of it.*encode: ordinal",
        ),
        (
            FeatureRule(signals=("band",), aggregates=("mean",), windows=("6h",), encode="ordinal"),
            "no 'mean' of it",
        ),
    ],
)
def test_what_an_order_cannot_mean_is_refused(rule, problem):
    with pytest.raises(Invalid, match=problem):
        expand(a_declaration(signals=SIGNALS, features=(rule,)))


def test_a_feature_set_keeps_what_was_learnt_when_it_is_written_and_read_back():
    features = the_features("last", "max", encode="one_hot")

    assert feature_set_from_json(feature_set_to_json(features)) == features


def test_a_feature_set_written_before_these_encoders_is_still_read():
    features = the_features("last")
    plain = [replace(one, event_unit=None, ordered=False, has_other=False, mark=False)
             for one in features.features]  # fmt: skip
    content = feature_set_to_json(replace(features, features=tuple(plain)))
    for key in (b',"has_other":false', b',"mark":false', b',"ordered":false'):
        content = content.replace(key, b"")
    content = content.replace(b'"event_unit":null,', b"")

    assert feature_set_from_json(content).features == tuple(plain)


events_of = st.lists(
    st.builds(
        lambda code, hours, delay, value, text, ended, number, corrects: an_event(
            code,
            value,
            time=hours_ago(hours),
            known_at=hours_ago(hours - delay),
            text=text,
            end=NOW + timedelta(hours=1) if ended else None,
            source_row=bytes([number]),
            replaces=bytes([corrects]) if corrects is not None and corrects != number else None,
        ),
        st.sampled_from(["AGE//band", "WARD//name", "WARD//old", "LAB//k", "DRUG//x"]),
        st.integers(-2, 30),
        st.integers(0, 4),
        st.sampled_from([None, 1.0, 2.5]),
        st.sampled_from([None, "", "icu", "other", "hand clinic", "10 to 20", "30 to 40"]),
        st.booleans(),
        st.integers(0, 6),
        st.sampled_from([None, 0, 3]),
    ),
    max_size=12,
)


@given(events_of)
@settings(max_examples=150, deadline=None)
def test_a_shard_and_a_request_give_the_same_bits_for_every_encoder(events):
    values(the_features("last", "min", "max", "change", "count"), events)
