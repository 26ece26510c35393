"""Each signal has one reason, with what all its features gave, told by the strongest of them."""

from dataclasses import replace

import numpy as np
import pytest

from bedside.core.records.outcome import Outcome
from bedside.features.definition import expand
from bedside.interop.score_words import moved
from bedside.serve.reasons import top_reasons
from served import NOW, a_declaration, an_event

FEATURES = expand(a_declaration())


def reasons_of(**gave):
    given = {name.replace("__", "."): part for name, part in gave.items()}
    contributions = np.array([given.get(name, 0.0) for name in FEATURES.names])
    row = np.full(len(contributions), 4.2)
    events = [an_event("LOINC//2524-7", 4.2, unit="mmol/L")]
    return top_reasons(FEATURES, row, contributions, events, NOW)


def test_features_of_a_signal_take_one_place_with_what_they_gave_together():
    told = reasons_of(lactate__last=0.5, lactate__max__6h=0.4, age__last=0.8)

    assert [(one.feature, one.contribution) for one in told] == [
        ("lactate.last", pytest.approx(0.9)),
        ("age.last", 0.8),
    ]


def test_a_signal_is_told_by_a_feature_that_moves_the_score_the_way_the_signal_does():
    told = reasons_of(lactate__last=-0.4, lactate__max__6h=0.6)

    ((feature, total),) = [(one.feature, one.contribution) for one in told]
    assert feature == "lactate.max.6h"
    assert total == pytest.approx(0.2)


def test_a_signal_whose_features_cancel_out_is_no_reason():
    told = reasons_of(lactate__last=-0.5, lactate__max__6h=0.5, age__last=0.1)

    assert [one.feature for one in told] == ["age.last"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("binary", "risk"),
        ("survival", "risk"),
        ("regression", "value"),
        ("ordinal", "predicted level"),
        ("multiclass", "chance of anything but none"),
    ],
)
def test_a_reason_raises_or_lowers_what_is_predicted(kind, words):
    usual = a_declaration()
    asked = replace(usual.question, outcome=Outcome(kind=kind, levels=("none", "some")))

    assert moved(replace(usual, question=asked)) == words
