"""How sure a score is, and who gets none, on both wires and in the ledger."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bedside.core.errors import Refused
from bedside.core.records.answer import Abstention, AbstentionReason, Failure
from bedside.core.records.bundle import GroupThreshold
from bedside.core.records.declaration import Signal
from bedside.core.records.outcome import Outcome
from bedside.develop.train.calibrating.fitting import with_calibration
from bedside.develop.train.uncertainty import learn_uncertainty
from bedside.features.definition import expand
from bedside.interop.sealed_answer import opened_answer
from bedside.models.calibration import venn_abers_pair
from bedside.models.form import Hazards
from bedside.models.learnt import LearntModel
from served import (
    HttpClient,
    a_declaration,
    a_form,
    a_hook_call,
    a_patient,
    a_served_model,
    a_tensor,
    an_inference,
    an_observation,
    app_for,
)
from unsure import declared, served, some_stays

INFER, HOOK = "/v2/models/sepsis/infer", "/cds-services/sepsis-now"


def on_the_wires(made, *, lactate=4.2, sex="female"):
    client = HttpClient(app_for(made.answerer))
    tensors = (a_tensor("lactate", lactate), a_tensor("heart_rate", 101.0), a_tensor("age", 71.0))
    seen = (an_observation("2524-7", lactate, "mmol/L"), an_observation("8867-4", 101, "/min"))
    inference = client.post(INFER, json=an_inference(*tensors, a_tensor("sex", sex)))
    hook = client.post(HOOK, json=a_hook_call(*seen))
    assert inference.status_code == hook.status_code == 200, inference.text + hook.text
    tensors = {one["name"]: one for one in inference.json()["outputs"]}
    return tensors, inference.json()["parameters"], hook.json()["cards"][0]


def sealed_of(made):
    return opened_answer(made.ledger.kept[0][1])


def outcome_of(made):
    return sealed_of(made)["answer"]["outcome"]


def test_venn_abers_gives_two_risks_around_the_score_on_both_wires_and_in_the_ledger():
    made, form = served(declared(calibration="venn_abers"))

    tensors, parameters, card = on_the_wires(made)

    risk, sure = tensors["risk"]["data"][0], parameters["uncertainty"]
    pair = venn_abers_pair(form.calibration, np.array([4.2 - 2.0]))[0].tolist()
    assert [sure["low"], sure["high"]] == pair
    assert pair[0] < risk < pair[1]
    assert "between" in card["summary"]
    assert "the wider they are, the fewer there were" in card["detail"]
    assert [outcome_of(made)[one] for one in ("low", "high")] == pair


@pytest.mark.parametrize(
    ("lactate", "likely"),
    [
        (0.3, ["sepsis: no"]),
        (2.0, ["sepsis: no", "sepsis: yes"]),
        (9.0, ["sepsis: yes"]),
    ],
)
def test_a_conformal_set_says_which_labels_cannot_be_ruled_out(lactate, likely):
    made, _ = served(declared(coverage=0.95))

    _, parameters, card = on_the_wires(made, lactate=lactate)

    assert parameters["uncertainty"]["likely"] == likely
    assert parameters["uncertainty"]["coverage"] == 0.95
    assert f"Cannot be ruled out with 95 % coverage: {'; '.join(likely)}." in card["detail"]
    assert outcome_of(made)["likely"] == likely


def test_a_number_comes_with_its_unit_and_interval():
    length = Signal(label="length of stay", code="OUTCOME//sepsis", unit="d", role="outcome")
    plain = a_declaration()
    declaration = declared(
        outcome=Outcome(kind="regression"),
        coverage=0.9,
        calibration="none",
        signals=plain.signals | {"sepsis": replace(length, visible_after="0 min")},
    )
    form = a_form(declaration, outcome="regression", link="identity")
    made, _ = served(declaration, form, threshold=None)

    tensors, parameters, card = on_the_wires(made)

    assert tensors["value"]["data"] == [pytest.approx(2.2)]
    assert tensors["value"]["parameters"] == {"unit": "d"}
    assert "risk" not in tensors
    assert tensors["alert"]["data"] == [False]
    sure = parameters["uncertainty"]
    assert sure["high"] - 2.2 == pytest.approx(2.2 - sure["low"])
    assert card["summary"].startswith("Sepsis in intensive care: length of stay 2.2 d, between ")
    assert "hold the truth with 90 % coverage" in card["detail"]
    assert "(raises the value)" in card["detail"]
    below, _, _ = on_the_wires(made, lactate=0.2)
    assert below["value"]["data"] == [pytest.approx(-1.8)]


def test_a_risk_by_each_horizon_is_named_as_declared():
    declaration = declared(outcome=Outcome(kind="survival", horizons=("365 d", "1826 d")))
    hazards = Hazards(days=(100.0, 365.0, 1826.0), cumulative=((0.01, 0.02, 0.05),))
    form = a_form(
        declaration,
        outcome="survival",
        link="proportional_hazards",
        hazards=hazards,
        horizons=(365.0, 1826.0),
    )
    made, _ = served(declaration, form)

    tensors, _, card = on_the_wires(made)

    both = LearntModel(form).outputs(np.full((1, form.width), 4.2))[0].tolist()
    assert tensors["outputs"]["parameters"] == {"names": ["365 d", "1826 d"]}
    assert tensors["outputs"]["shape"] == [2]
    assert tensors["outputs"]["data"] == pytest.approx(both)
    assert tensors["risk"]["data"] == tensors["outputs"]["data"][1:]
    percents = [f"{one * 100:.0f} %" for one in both]
    assert f"risk of sepsis within 5 years {percents[1]}, at or above" in card["summary"]
    assert f"- sepsis within 1 year: {percents[0]}" in card["detail"]


def test_a_chance_of_each_level_is_named():
    levels = ("none", "mild", "severe")
    declaration = declared(outcome=Outcome(kind="multiclass", levels=levels), coverage=0.9)
    form = a_form(declaration, outcome="multiclass", link="softmax", levels=levels)
    stays = some_stays(declaration, 500, seed=2)
    label = np.digitize(stays.features[:, 0], [1.5, 2.5])
    tuning = replace(stays, label=label.astype(np.int64))
    form = with_calibration(form, tuning, "platt")
    told = learn_uncertainty(form, stays, tuning, declaration.uncertainty)
    made = a_served_model(declaration=declaration, form=form, uncertainty=told)

    tensors, parameters, card = on_the_wires(made)

    chances = tensors["outputs"]["data"]
    assert tensors["outputs"]["parameters"] == {"names": list(levels)}
    assert sum(chances) == pytest.approx(1)
    assert tensors["risk"]["data"] == [pytest.approx(1 - chances[0])]
    assert "severe" in parameters["uncertainty"]["likely"]
    assert "none" not in parameters["uncertainty"]["likely"]
    assert "most likely severe (" in card["summary"]
    assert "chance of any but none" in card["summary"]
    assert "- mild: " in card["detail"]


def test_who_is_unlike_the_training_patients_gets_an_abstention_that_names_in_what():
    made, _ = served(declared(domain=0.99))

    tensors, parameters, card = on_the_wires(made, lactate=39.73)

    assert list(tensors) == ["outcome"]
    assert tensors["outcome"]["data"] == ["abstention"]
    assert parameters["reason"] == "out_of_domain"
    assert parameters["signal"] == "lactate"
    assert "unlike those that the model learnt from, most of all in: lactate" in parameters["text"]
    assert "no score. This patient is unlike those" in card["summary"]
    assert card["indicator"] == "info"
    assert "most of all in: lactate" in card["detail"]
    entry, _ = made.ledger.kept[0]
    assert entry.details["reason"] == "out_of_domain"
    assert sealed_of(made)["features"]["lactate.last"] == 39.73
    assert "39.73" not in json.dumps([parameters, card, entry.details])


def test_a_patient_like_those_of_training_gets_a_score():
    made, _ = served(declared(domain=0.99))

    tensors, parameters, _ = on_the_wires(made, lactate=3.0)

    assert tensors["outcome"]["data"] == ["score"]
    assert "uncertainty" not in parameters


def test_what_every_training_patient_had_must_be_known():
    declaration = declared(domain=0.99)
    heart_rate = replace(declaration.signals["heart_rate"], required=False)
    declaration = replace(declaration, signals=declaration.signals | {"heart_rate": heart_rate})
    made, _ = served(declaration)

    answer = made.answer(a_patient(heart_rate=None))

    assert isinstance(answer.outcome, Abstention)
    assert answer.outcome.reason is AbstentionReason.OUT_OF_DOMAIN
    assert answer.outcome.text == (
        "not known here, though it was of every patient that the model learnt from: heart rate; "
        "heart rate, highest in 6 h; sex. Measure it to get a score."
    )


def test_without_anything_declared_an_answer_is_as_before():
    made, _ = served(declared())

    _, parameters, card = on_the_wires(made)

    assert "uncertainty" not in parameters
    assert "between" not in card["summary"]
    assert outcome_of(made)["low"] is None


def test_a_risk_that_is_the_threshold_is_told_with_no_digits_that_tell_nothing():
    declaration = declared(calibration="none")
    risk = float(1 / (1 + np.exp(-2.0)))
    made, _ = served(declaration, threshold=risk - 1e-12)

    _, parameters, _ = on_the_wires(made, lactate=4.0)

    assert parameters["text"] == "risk 88 %, at or above the alert threshold of 88 %"


def test_a_group_has_its_own_threshold():
    declaration = declared()
    column = expand(declaration).names.index("sex.last")
    groups = (GroupThreshold(column=column, value=0.0, threshold=0.999),)
    made, _ = served(declaration, group_thresholds=groups)

    woman, _, _ = on_the_wires(made, sex="female")
    man, parameters, _ = on_the_wires(made, sex="male")

    assert (woman["alert"]["data"], man["alert"]["data"]) == ([False], [True])
    assert parameters["threshold"] == 0.3


@pytest.mark.parametrize("outputs", [[[0.5]], [[0.3, 0.2]], [[0.2, np.nan]], [[0.2, 1.1]], "x"])
def test_predictions_that_make_no_sense_are_a_failure(outputs):
    declaration = declared(outcome=Outcome(kind="survival", horizons=("365 d", "1826 d")))
    hazards = Hazards(days=(100.0, 365.0), cumulative=((0.01, 0.02),))
    form = a_form(
        declaration,
        outcome="survival",
        link="proportional_hazards",
        hazards=hazards,
        horizons=(365.0, 1826.0),
    )
    made, _ = served(declaration, form)
    made.model.outputs = lambda _: np.array(outputs) if outputs != "x" else "x"
    made.model.predict = lambda _: np.array([0.2])

    answer = made.answer(a_patient())

    assert isinstance(answer.outcome, Failure)
    assert answer.outcome.code == "model_returned_nonsense"


@pytest.mark.parametrize(
    "uncertainty",
    [
        {"other": 1},
        {"conformal": {"coverage": 0.9, "limits": [1.0, 2.0, 3.0]}},
        {"domain": {}},
    ],
)
def test_uncertainty_that_does_not_fit_the_model_is_not_served(uncertainty):
    declaration = declared(coverage=0.9)

    with pytest.raises(Refused) as refusal:
        a_served_model(declaration=declaration, form=a_form(declaration), uncertainty=uncertainty)

    assert refusal.value.code == "model_unreadable"


def test_a_domain_of_other_features_is_not_served():
    declaration = declared(domain=0.99)
    few = some_stays(declaration, 200, seed=1)
    told = learn_uncertainty(
        a_form(declaration),
        few.with_features(few.features[:, :3], few.names[:3]),
        few,
        declaration.uncertainty,
    )

    with pytest.raises(Refused):
        a_served_model(declaration=declaration, form=a_form(declaration), uncertainty=told)


def test_the_model_says_of_itself_what_its_answers_will_hold():
    made, _ = served(declared(coverage=0.9, domain=0.999, calibration="venn_abers"))
    client = HttpClient(app_for(made.answerer))

    body = client.get("/v2/models/sepsis").json()

    assert body["parameters"]["uncertainty"] == {
        "bounds": "venn_abers",
        "coverage": 0.9,
        "labels": ["sepsis: no", "sepsis: yes"],
        "domain": 0.999,
    }
    assert [one["name"] for one in body["outputs"]] == ["outcome", "risk", "alert"]
