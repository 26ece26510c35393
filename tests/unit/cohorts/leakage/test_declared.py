"""The outcome among the features, as the declaration or the data show it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bedside.cohorts.leakage import audit_declaration
from bedside.cohorts.leakage.declared import declared
from bedside.core.records.declaration import Signal
from bedside.core.records.features import FeatureRule, Vocabulary
from bedside.core.records.question import CodePattern, Predicate, TimeAtRisk, Window
from planted_leaks import OUTCOME, QUESTION, a_ward, facts, plain

WARD = a_ward(subjects=30)


def signals(**more):
    return {**WARD.declaration.signals, **more}


def names(declaration, seen=()):
    return [f.name for f in declared(declaration, names=(), codes=(), seen=seen).findings]


def test_a_second_code_of_a_signal_that_is_the_outcome_is_found():
    alarm = Signal(label="alarm", code="BEDSIDE//alarm", also=(OUTCOME,))
    ward = WARD.declares(signals=signals(alarm=alarm), features=(FeatureRule(signals=("alarm",)),))

    assert names(ward.declaration) == ["label_among_features:alarm"]
    assert audit_declaration(ward.declaration)[0].severity == "leak"


def test_a_signal_that_reads_the_column_of_the_outcome_is_found():
    alarm = Signal(label="alarm", code="BEDSIDE//alarm", column="Worse")
    label = Signal(label="worse", code=OUTCOME, column="Worse", role="outcome")
    ward = WARD.declares(
        signals=signals(alarm=alarm, label=label), features=(FeatureRule(signals=("alarm",)),)
    )

    assert names(ward.declaration) == ["label_among_features:alarm"]


def test_a_signal_that_reads_how_long_the_outcome_took_is_found():
    alarm = Signal(label="alarm", code="BEDSIDE//alarm", column="Days")
    label = Signal(label="worse", code=OUTCOME, happens_after_column="Days", role="outcome")
    ward = WARD.declares(
        signals=signals(alarm=alarm, label=label), features=(FeatureRule(signals=("alarm",)),)
    )

    assert names(ward.declaration) == ["label_among_features:alarm"]


def test_hours_since_the_outcome_are_found():
    ward = WARD.declares(features=(FeatureRule(since=OUTCOME),))

    assert names(ward.declaration) == [f"label_among_features:{OUTCOME}"]


@pytest.mark.parametrize(
    "predicate",
    [
        Predicate(code=OUTCOME),
        Predicate(code=CodePattern(regex="OUTCOME//.*")),
        Predicate(code=CodePattern(any=(OUTCOME, "OUTCOME//death"))),
    ],
)
def test_a_vocabulary_that_may_choose_a_code_of_the_outcome_is_found(predicate):
    rule = FeatureRule(
        vocabulary=Vocabulary(prefixes=("OUTCOME//",)), aggregates=("count",), windows=("24h",)
    )
    ward = WARD.asks(predicates={**QUESTION.predicates, "deterioration": predicate})

    found = names(ward.declares(features=(rule,)).declaration, seen=[OUTCOME, "LOINC//1"])

    assert f"label_among_features:{OUTCOME}" in found
    assert not any("LOINC" in name for name in found)


def test_a_part_of_a_derived_outcome_and_a_competing_event_are_found():
    predicates = {
        **QUESTION.predicates,
        "death": Predicate(code="MEDS_DEATH"),
        "arrest": Predicate(code="ALERT//arrest"),
        "either": Predicate(expr="or(deterioration, arrest)"),
    }
    asked = WARD.asks(
        predicates=predicates,
        windows={"first_day": QUESTION.windows["first_day"]},
        time_at_risk=TimeAtRisk(outcome="either", end="48h", competing=("death",)),
    )
    rules = (FeatureRule(since="ALERT//arrest"), FeatureRule(since="MEDS_DEATH"))

    found = declared(
        asked.declares(features=rules).declaration, names=(), codes=(), seen=()
    ).findings

    assert [finding.name.split(":")[1] for finding in found] == ["ALERT//arrest", "MEDS_DEATH"]
    assert "competing" in found[1].text


def test_earlier_values_of_what_becomes_the_outcome_are_no_leak_unless_it_looks_back():
    high = Predicate(code="LOINC//2823-3", value_min=6.0)
    ahead = WARD.asks(predicates={**QUESTION.predicates, "deterioration": high})
    back = ahead.asks(
        windows={
            **QUESTION.windows,
            "target": Window(start=None, end="first_day.end + 48h", label="deterioration"),
        }
    )

    assert names(ahead.declaration) == []
    assert names(back.declaration) == ["label_among_features:potassium"]
    assert audit_declaration(back.declaration) == []


def moments(ward, before):
    return [
        (row["subject_id"], row["encounter_id"], at, at, None)
        for row in ward.stays.iter_rows(named=True)
        if row["worse"] is not None
        for at in (row["worse"] - before,)
    ]


@pytest.mark.parametrize("before", [timedelta(), timedelta(hours=6), timedelta(minutes=-1)])
def test_a_code_that_always_stands_at_one_distance_from_the_outcome_is_derived_from_it(before):
    ward = a_ward(3, subjects=150).with_signal("alert", "ALERT//team")
    told = moments(ward, before)
    stray = [(1, 10, ward.stays["came"][0], ward.stays["came"][0], None)]

    report = ward.has(facts([*told, *stray], "ALERT//team")).audited()

    finding = next(f for f in report.findings if f.kind == "derived_from_label")
    assert finding.name == "derived_from_label:ALERT//team"
    assert finding.features == ("alert.count.24h",)
    assert 0.9 <= finding.evidence["share_at_outcome"] < 1


def test_a_code_that_comes_from_the_very_record_of_the_outcome_is_derived_from_it():
    ward = a_ward(3, subjects=150).with_signal("grade", "BEDSIDE//grade")
    own = ward.events.filter(ward.events["code"] == OUTCOME)
    jitter = timedelta(minutes=1)
    told = [
        (row["subject_id"], row["encounter_id"], at, at, None)
        for number, row in enumerate(own.iter_rows(named=True))
        for at in (row["time"] - jitter * (number % 50 + 1) ** 2,)
    ]
    graded = facts(told, "BEDSIDE//grade").with_columns(source_row=own["source_row"])

    found = plain(ward.has(graded).audited())

    assert "derived_from_label:BEDSIDE//grade" in found


def test_a_code_that_also_stands_elsewhere_is_not_derived_from_the_outcome():
    ward = a_ward(3, subjects=150).with_signal("alert", "ALERT//team")
    told = moments(ward, timedelta())
    others = [
        (row["subject_id"], row["encounter_id"], row["came"], row["came"], None)
        for row in ward.stays.head(len(told) // 4).iter_rows(named=True)
    ]

    report = ward.has(facts([*told, *others], "ALERT//team")).audited()

    assert not [f for f in report.findings if f.kind == "derived_from_label"]


def test_the_features_of_what_was_found_are_named():
    alarm = Signal(label="alarm", code="BEDSIDE//alarm", also=(OUTCOME,))
    ward = WARD.declares(signals=signals(alarm=alarm))
    ward = ward.declares(features=(*ward.declaration.features, FeatureRule(signals=("alarm",))))

    found = declared(ward.declaration, names=("a", "b"), codes=((OUTCOME,), ("LOINC//1",)), seen=())

    assert found.findings[0].features == ("a",)
    assert replace(found.findings[0], features=()) != found.findings[0]
