"""Codes and categories that are left open are decided on the training subjects alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from bedside.core.records.declaration import Signal
from bedside.core.records.event import TAKEN_BACK
from bedside.core.records.features import ChosenCode, FeatureRule, Vocabulary
from bedside.core.records.question import (
    CodePattern,
    Predicate,
    Question,
    TimeAtRisk,
    Window,
)
from bedside.data.store.layout import EVENT_SCHEMA
from bedside.features.vocabulary import (
    choose,
    columns_of,
    learnt_from_json,
    learnt_to_json,
    rows_of,
)
from served import a_declaration

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


def a_row(subject, code, *, hour=0, known=None, **said):
    return {
        "subject_id": subject,
        "time": ORIGIN + timedelta(hours=hour),
        "known_at": ORIGIN + timedelta(hours=hour if known is None else known),
        "code": code,
        "source_row": b"-",
    } | said


def shard(*rows):
    return pl.DataFrame([dict.fromkeys(EVENT_SCHEMA) | row for row in rows], schema=EVENT_SCHEMA)


def asked(*pairs):
    return pl.DataFrame(
        [(subject, ORIGIN + timedelta(hours=hour)) for subject, hour in pairs],
        orient="row",
        schema={"subject_id": pl.Int64, "prediction_time": pl.Datetime("us", "UTC")},
    )


def a_model(*, prefixes=("LAB//",), minimum=1, top=None, signals=None, question=None):
    rule = FeatureRule(
        vocabulary=Vocabulary(prefixes=prefixes, minimum_subjects=minimum, top=top),
        aggregates=("last",),
    )
    changes = {"signals": signals or {}, "features": (rule,), "eligibility": ()}
    return a_declaration(**changes | ({"question": question} if question else {}))


def codes(declaration, rows, pairs):
    learnt = choose(declaration, [shard(*rows)], asked(*pairs))
    return [one.code for one in learnt.codes[0]]


def test_a_code_is_chosen_when_enough_training_subjects_have_it_and_the_most_frequent_first():
    rows = [
        *(a_row(subject, "LAB//common") for subject in (1, 2, 3)),
        *(a_row(subject, "LAB//b_tied") for subject in (1, 2)),
        *(a_row(subject, "LAB//a_tied") for subject in (2, 3)),
        *(a_row(1, "LAB//rare", hour=hour) for hour in range(5)),
        *(a_row(subject, "DRUG//common") for subject in (1, 2, 3)),
    ]
    everyone = [(subject, 6) for subject in (1, 2, 3)]

    assert codes(a_model(minimum=2), rows, everyone) == [
        "LAB//common",
        "LAB//a_tied",
        "LAB//b_tied",
    ]
    assert codes(a_model(minimum=2, top=2), rows, everyone) == ["LAB//common", "LAB//a_tied"]


@pytest.mark.parametrize(
    ("row", "seen"),
    [
        (a_row(1, "LAB//x", hour=5), True),
        (a_row(1, "LAB//x", hour=6), True),
        (a_row(1, "LAB//x", hour=7), False),
        (a_row(1, "LAB//x", hour=5, known=7), False),
        (a_row(1, "LAB//x", hour=7, known=5), False),
        (a_row(1, "LAB//x", time=None, known=6), True),
        (a_row(1, "LAB//x", time=None, known=7), False),
        (a_row(2, "LAB//x", hour=1), False),
    ],
)
def test_only_what_was_known_at_a_prediction_time_of_its_subject_counts(row, seen):
    assert codes(a_model(), [row], [(1, 6), (1, 2)]) == (["LAB//x"] if seen else [])


@pytest.mark.parametrize(("corrected", "left"), [(3, False), (6, False), (7, True)])
def test_what_was_taken_back_before_every_prediction_does_not_count(corrected, left):
    rows = [
        a_row(1, "LAB//x", hour=4, value=1.0, source_row=b"first"),
        a_row(1, TAKEN_BACK, hour=4, known=corrected, source_row=b"then", replaces=b"first"),
    ]

    assert codes(a_model(), rows, [(1, 6)]) == (["LAB//x"] if left else [])


def test_a_correction_of_somebody_else_takes_nothing_back():
    rows = [
        a_row(1, "LAB//x", value=1.0, source_row=b"same"),
        a_row(2, TAKEN_BACK, source_row=b"then", replaces=b"same"),
    ]

    assert codes(a_model(), rows, [(1, 6), (2, 6)]) == ["LAB//x"]


def test_a_code_of_a_declared_signal_is_read_as_the_signal_says_and_never_chosen():
    signal = Signal(label="x", code="LAB//x", also=("LAB//same",), unit="1", role="attribute")
    rows = [a_row(1, code) for code in ("LAB//x", "LAB//same", "LAB//other")]

    assert codes(a_model(signals={"x": signal}), rows, [(1, 6)]) == ["LAB//other"]


@pytest.mark.parametrize(
    "question",
    [
        Question(
            ask="?",
            trigger="t",
            predicates={
                "death": Predicate(code="LAB//death"),
                "late": Predicate(code=CodePattern(any=("LAB//late",))),
                "worse": Predicate(code=CodePattern(regex="LAB//wor.*")),
                "bad": Predicate(expr="or(death, and(late, worse))"),
            },
            windows={"target": Window(start="trigger", end="trigger + 6h", label="bad")},
        ),
        Question(
            ask="?",
            trigger="t",
            predicates={
                "bad": Predicate(code=CodePattern(regex="LAB//(death|late|worse)")),
                "seen": Predicate(code="LAB//kept"),
            },
            time_at_risk=TimeAtRisk(outcome="bad", end="6h"),
        ),
    ],
)
def test_the_codes_of_the_outcome_are_never_chosen(question):
    names = ("LAB//death", "LAB//late", "LAB//worse", "LAB//kept")

    chosen = codes(a_model(question=question), [a_row(1, name) for name in names], [(1, 6)])

    assert chosen == ["LAB//kept"]


def test_a_chosen_code_has_the_unit_of_its_numbers_and_several_units_leave_it_out():
    rows = [
        *(a_row(1, "LAB//plain", hour=hour, value=1.0, unit="mg/dL") for hour in (1, 2)),
        a_row(1, "LAB//score", value=1.0),
        a_row(1, "LAB//score", value=1.0, unit="{score}"),
        a_row(1, "LAB//mixed", value=1.0, unit="mg/dL"),
        a_row(1, "LAB//mixed", value=1.0, unit="mmol/L"),
        a_row(1, "LAB//half", value=1.0, unit="mg/dL"),
        a_row(1, "LAB//half", value=1.0),
        a_row(1, "LAB//unitless", value=1.0),
        a_row(1, "LAB//told", text="route: oral"),
    ]

    learnt = choose(a_model(), [shard(*rows)], asked((1, 6)))

    assert set(learnt.codes[0]) == {
        ChosenCode(code="LAB//plain", unit="mg/dL"),
        ChosenCode(code="LAB//score", unit="{score}"),
        ChosenCode(code="LAB//unitless"),
        ChosenCode(code="LAB//told", mark=True),
    }
    assert learnt.mixed_units == ("LAB//half", "LAB//mixed")


def test_a_drug_whose_events_seldom_carry_a_number_is_a_mark():
    rows = [
        a_row(1, "LAB//dose", value=500.0, unit="mg"),
        a_row(1, "LAB//dose", text="oral"),
        a_row(1, "LAB//dose", text="oral"),
    ]

    learnt = choose(a_model(), [shard(*rows)], asked((1, 6)))

    assert learnt.codes[0] == (ChosenCode(code="LAB//dose", mark=True),)


def test_a_code_whose_events_have_no_time_is_a_static_fact():
    rows = [
        a_row(1, "LAB//blood_group", time=None),
        a_row(1, "LAB//mostly", time=None),
        a_row(1, "LAB//mostly"),
    ]

    learnt = choose(a_model(), [shard(*rows)], asked((1, 6)))

    assert learnt.codes[0] == (
        ChosenCode(code="LAB//blood_group", mark=True, static=True),
        ChosenCode(code="LAB//mostly", mark=True),
    )


def learning(**changes):
    signal = Signal(label="ward", code="WARD//name", also=("WARD//old",), learn_categories=True)
    model = a_model(signals={"ward": replace(signal, **changes)})
    return replace(model, features=(FeatureRule(signals=("ward",)),))


def test_a_text_of_enough_subjects_is_a_category_and_every_other_text_is_the_last_label():
    words = {"surgery": range(12), "Surgery": range(12), "icu": range(30), "mrs_planted": range(10)}
    rows = [
        a_row(subject, "WARD//name" if subject % 2 else "WARD//old", text=word)
        for word, subjects in words.items()
        for subject in subjects
    ]
    rows += [a_row(subject, "WARD//name", text="other") for subject in range(20)]
    everyone = [(subject, 6) for subject in range(40)]

    learnt = choose(learning(), [shard(*rows)], asked(*everyone))

    assert learnt.categories == {"ward": ("icu", "Surgery", "surgery", "other")}
    assert b"planted" not in learnt_to_json(learnt)


def test_a_signal_nobody_has_yet_still_has_the_last_label():
    assert choose(learning(), [shard()], asked((1, 6))).categories == {"ward": ("other",)}
    assert choose(learning(), [], asked()).categories == {"ward": ("other",)}
    assert choose(learning(role="outcome"), [], asked()).categories == {}


def test_what_is_learnt_is_written_and_read_back():
    rows = [a_row(1, "LAB//x", value=1.0, unit="mg/dL"), a_row(1, "LAB//y", text="a")]
    learnt = choose(a_model(), [shard(*rows)], asked((1, 6)))

    assert learnt_from_json(learnt_to_json(learnt)) == learnt


def test_a_declaration_that_leaves_nothing_open_reads_no_column():
    assert columns_of(a_declaration()) == []
    assert choose(a_declaration(), iter([]), asked((1, 6))).codes == {}


def test_the_columns_and_rows_that_are_asked_for_are_all_that_is_needed():
    model = replace(a_model(), signals=learning().signals)
    rows = [
        a_row(1, "LAB//x", value=1.0, unit="mg/dL", source_row=b"first"),
        a_row(1, "DRUG//x", source_row=b"then", replaces=b"first", known=9),
        *(a_row(subject, "WARD//name", text="icu") for subject in range(12)),
        a_row(1, "DRUG//y"),
    ]
    everyone = asked(*((subject, 6) for subject in range(12)))
    whole = shard(*rows)

    cut = whole.filter(rows_of(model)).select(columns_of(model))

    assert cut.height == whole.height - 1
    assert choose(model, [cut], everyone) == choose(model, [whole], everyone)
