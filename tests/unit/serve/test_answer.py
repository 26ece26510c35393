"""One question about one patient, without a wire."""

import json
import logging

import pytest

from bedside.core.errors import Refused, Unavailable, WrongUnit
from bedside.core.records.answer import Abstention, AbstentionReason, Failure, Score
from bedside.core.records.version import Stage
from bedside.interop.sealed_answer import opened_answer
from served import a_patient, a_served_model, an_event, hours_ago


def test_a_sick_patient_gets_a_score_with_reasons_in_words_and_units():
    served = a_served_model()

    answer = served.answer(a_patient(lactate=4.2))

    assert isinstance(answer.outcome, Score)
    assert answer.outcome.alert
    assert answer.outcome.reasons[0].text == "lactate 4.2 mmol/L, measured 1 h ago"
    assert answer.outcome.reasons[0].contribution == pytest.approx((0.6 + 0.4) * (4.2 - 1.5))


def test_reasons_come_largest_first_and_at_most_five():
    served = a_served_model()
    vitals = [an_event("LOINC//8480-6", 80.0), an_event("LOINC//8310-5", 39.5)]

    answer = served.answer([*a_patient(), *vitals])

    assert isinstance(answer.outcome, Score)
    sizes = [abs(reason.contribution) for reason in answer.outcome.reasons]
    assert len(sizes) == 5
    assert sizes == sorted(sizes, reverse=True)


def test_a_value_in_another_unit_is_converted_before_it_is_scored():
    served = a_served_model()
    cold = [*a_patient(), an_event("LOINC//8310-5", 39.0, unit="Cel")]
    warm = [*a_patient(), an_event("LOINC//8310-5", 102.2, unit="[degF]")]

    risks = [served.answer(each).outcome for each in (cold, warm)]

    assert risks[0].risk == pytest.approx(risks[1].risk)


def test_a_unit_that_measures_something_else_is_refused_and_nothing_is_recorded():
    served = a_served_model()

    with pytest.raises(WrongUnit):
        served.answer(
            [*a_patient(lactate=None), an_event("LOINC//2524-7", 4.2, unit="mg/dL")],
        )

    assert served.ledger.kept == []


def test_an_answer_is_in_the_ledger_with_its_patient_data_sealed():
    served = a_served_model()

    answer = served.answer(a_patient(lactate=4.2), subject=99, request_id="r-1")

    ((entry, sealed),) = served.ledger.kept
    assert entry.action == "answer"
    assert entry.details["prediction_id"] == answer.prediction_id
    assert entry.details["outcome"] == "score"
    assert entry.details["bundle"] == "ab" * 32
    assert "4.2" not in json.dumps(entry.details)
    assert opened_answer(sealed)["features"]["lactate.last"] == 4.2
    assert opened_answer(sealed)["features"]["systolic.last"] is None
    assert opened_answer(sealed)["subject"] == 99
    assert opened_answer(sealed)["answer"]["outcome"]["risk"] == answer.outcome.risk


def test_the_input_digest_differs_between_two_equal_patients_so_that_nobody_can_guess_values():
    served = a_served_model()

    for _ in range(2):
        served.answer(a_patient())

    first, second = (entry.details["input_digest"] for entry, _ in served.ledger.kept)
    assert first != second


def test_a_required_signal_that_is_missing_gives_an_abstention_not_a_score():
    served = a_served_model()

    answer = served.answer(a_patient(heart_rate=None))

    assert isinstance(answer.outcome, Abstention)
    assert answer.outcome.reason is AbstentionReason.MISSING
    assert served.ledger.kept[0][0].details["reason"] == "missing"


def test_a_child_is_not_eligible():
    served = a_served_model()

    answer = served.answer(a_patient(age=9.0))

    assert answer.outcome.reason is AbstentionReason.NOT_ELIGIBLE


def test_an_impossible_value_of_an_optional_signal_is_left_out_and_said_so():
    served = a_served_model()

    answer = served.answer(a_patient(lactate=400.0))

    assert isinstance(answer.outcome, Score)
    assert answer.outcome.notes == (
        "lactate had a value outside the possible range; it was left out.",
    )


def test_a_result_that_was_not_yet_visible_does_not_count():
    served = a_served_model()
    late = an_event("LOINC//2524-7", 9.0, time=hours_ago(1), known_at=hours_ago(-1))

    without = served.answer(a_patient(lactate=None))
    with_late = served.answer([*a_patient(lactate=None), late])

    assert with_late.outcome.risk == without.outcome.risk


@pytest.mark.parametrize(
    ("mode", "code", "cause"),
    [
        ("raises", "model_failed", "RuntimeError"),
        ("nan", "model_returned_nonsense", "risk"),
        ("two", "model_returned_nonsense", "risk"),
        ("text", "model_returned_nonsense", "type"),
        ("unexplained", "model_returned_nonsense", "contributions"),
    ],
)
def test_a_broken_model_gives_a_failure_that_is_recorded_and_repeats_no_value(
    mode, code, cause, caplog
):
    served = a_served_model()
    served.model.mode = mode

    with caplog.at_level(logging.DEBUG):
        answer = served.answer(a_patient(lactate=4.2173))

    assert isinstance(answer.outcome, Failure)
    assert answer.outcome.code == code
    details = served.ledger.kept[0][0].details
    assert (details["outcome"], details["code"], details["cause"]) == ("failure", code, cause)
    assert "4.2173" not in caplog.text + str(answer) + json.dumps(details)
    assert code in caplog.text


def test_no_answer_leaves_when_the_ledger_cannot_keep_it():
    served = a_served_model()
    served.ledger.full = True

    with pytest.raises(Unavailable) as refusal:
        served.answer(a_patient())

    assert refusal.value.code == "ledger_unavailable"


def test_a_model_that_does_not_reproduce_its_worked_example_is_not_served():
    with pytest.raises(Refused) as refusal:
        a_served_model(example_risk=0.5)

    assert refusal.value.code == "example_differs"


@pytest.mark.parametrize("stage", [Stage.BUILT, Stage.APPROVED, Stage.RETIRED])
def test_a_version_that_is_not_released_does_not_answer(stage):
    with pytest.raises(Refused) as refusal:
        a_served_model(stage=stage)

    assert refusal.value.code == "not_released"
