"""What training chose is asked for, read and cleaned on every wire, or the model is not served."""

from dataclasses import replace

import pytest

from bedside.core.errors import Refused, WrongUnit
from bedside.core.records.answer import Score
from bedside.core.records.declaration import Channels, Signal
from bedside.core.records.features import ChosenCode, FeatureRule, Learnt, Vocabulary
from bedside.features.definition import expand
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.question_record import traced_reasons
from served import (
    START,
    HttpClient,
    a_declaration,
    a_fhir_patient,
    a_hook_call,
    a_patient,
    a_served_model,
    a_tensor,
    an_event,
    an_inference,
    an_observation,
    app_for,
)

POTASSIUM = "LOINC//2823-3"
SMOKING = "LOINC//72166-2"
INSULIN = "RXNORM//5856"
VALUED = (ChosenCode(code=POTASSIUM, unit="mmol/L"), ChosenCode(code="LAB//ratio"))
MARKED = (*VALUED, ChosenCode(code=INSULIN, mark=True))
TEXTS = ("SNOMED//8517006", "never", "other")


def an_open_declaration(*rules, cds_hooks=True):
    """The declaration of the other tests, with a code vocabulary and a learnt category."""
    plain = a_declaration()
    smoking = Signal(label="smoking", code=SMOKING, learn_categories=True, visible_after="0 min")
    first, *others = plain.features
    vocabulary = FeatureRule(
        vocabulary=Vocabulary(prefixes=("LOINC//", "LAB//", "RXNORM//")),
        aggregates=("last", "count"),
        windows=("24h",),
    )
    return replace(
        plain,
        signals=plain.signals | {"smoking": smoking},
        features=(first, *others, FeatureRule(signals=("smoking",)), vocabulary, *rules),
        channels=plain.channels if cds_hooks else Channels(),
    )


def a_model(chosen=VALUED, **changes):
    declaration = an_open_declaration(**changes)
    learnt = Learnt(codes={4: chosen}, categories={"smoking": TEXTS})
    return a_served_model(declaration=declaration, learnt=learnt)


def scored(served):
    """The features behind the one answer, by name, as they lie sealed in the ledger."""
    ((_, sealed),) = served.ledger.kept
    return opened_answer(sealed)["features"]


def a_client(served):
    return HttpClient(app_for(served.answerer))


def a_coded(loinc, text, **changes):
    return an_observation(loinc, 0, "1", valueQuantity=None, **changes) | (
        {"valueString": text} if isinstance(text, str) else {"valueCodeableConcept": text}
    )


def answered(served, *events):
    return served.answer([*a_patient(), *events]).outcome


def test_a_chosen_code_is_an_input_by_its_code_with_the_unit_of_training():
    body = a_client(a_model(MARKED, cds_hooks=False)).get("/v2/models/sepsis").json()

    inputs = {each["name"]: each for each in body["inputs"]}
    assert inputs[POTASSIUM]["datatype"] == "FP64"
    assert inputs[POTASSIUM]["parameters"] == {
        "unit": "mmol/L",
        "label": POTASSIUM,
        "code": POTASSIUM,
    }
    assert inputs[INSULIN]["datatype"] == "BOOL"
    assert inputs["smoking"]["datatype"] == "BYTES"
    assert inputs["smoking"]["parameters"]["categories"] == list(TEXTS)
    assert inputs["smoking"]["parameters"]["otherwise"] == "other"
    assert inputs["icu"]["parameters"]["code"] == START


def test_an_inference_request_gives_chosen_codes_marks_and_learnt_categories():
    served = a_model(MARKED, cds_hooks=False)
    hour = "2026-03-01T11:00:00Z"
    tensors = (
        a_tensor("heart_rate", 118.0),
        a_tensor("age", 71.0),
        a_tensor(POTASSIUM, 4.1, 5.9, times=[hour, hour[:12] + "2:30:00Z"], known_at=[hour, hour]),
        a_tensor("smoking", "never") | {"datatype": "BYTES"},
        a_tensor(INSULIN, True, times=[hour]) | {"datatype": "BOOL"},
    )

    response = a_client(served).post("/v2/models/sepsis/infer", json=an_inference(*tensors))

    assert response.status_code == 200, response.text
    found = scored(served)
    assert (found[f"{POTASSIUM}.last"], found[f"{POTASSIUM}.count.24h"]) == (4.1, 1.0)
    assert (found[f"{INSULIN}.last"], found[f"{INSULIN}.count.24h"]) == (1.0, 1.0)
    assert found["smoking.last"] == 1.0


def test_a_card_asks_for_chosen_codes_and_reads_them():
    served = a_model()
    client = a_client(served)
    (service,) = client.get("/cds-services").json()["services"]
    call = a_hook_call(
        an_observation("8867-4", 118, "/min"),
        an_observation("2823-3", 5.9, "mmol/L"),
        a_coded("72166-2", {"coding": [{"system": "http://snomed.info/sct", "code": "8517006"}]}),
    )

    response = client.post("/cds-services/sepsis-now", json=call)

    assert "http://loinc.org|2823-3" in service["prefetch"]["observations"]
    assert "http://loinc.org|72166-2" in service["prefetch"]["observations"]
    assert "https://bedside.health/codes/LAB|ratio" in service["prefetch"]["observations"]
    assert response.status_code == 200, response.text
    assert scored(served)[f"{POTASSIUM}.last"] == 5.9
    assert scored(served)["smoking.last"] == 0.0


def test_a_reason_by_a_chosen_code_leads_back_to_its_place_in_the_request():
    served = a_model()
    declaration = an_open_declaration()
    features = expand(declaration, Learnt(codes={4: VALUED}, categories={"smoking": TEXTS}))
    tensors = (a_tensor("heart_rate", 118.0), a_tensor("age", 71.0), a_tensor(POTASSIUM, 6.9))

    a_client(served).post("/v2/models/sepsis/infer", json=an_inference(*tensors))

    ((_, sealed),) = served.ledger.kept
    reasons = traced_reasons(declaration, features, "open_inference", opened_answer(sealed))
    (reason,) = [one for one in reasons if one.feature == f"{POTASSIUM}.last"]
    assert [(record.name, record.codes) for record in reason.records] == [
        ("inputs[2]", (POTASSIUM,))
    ]


def test_words_in_the_place_of_a_chosen_codes_number_are_no_value_as_in_training():
    served = a_model()
    call = a_hook_call(
        an_observation("8867-4", 118, "/min"), a_coded("2823-3", "haemolysed"),
    )  # fmt: skip

    response = a_client(served).post("/cds-services/sepsis-now", json=call)

    assert response.status_code == 200, response.text
    assert scored(served)[f"{POTASSIUM}.last"] is None


@pytest.mark.parametrize(
    ("text", "index"), [("never", 1.0), ("Never", 2.0), ("other", 2.0), ("pipe, on Sundays", 2.0)]
)
def test_a_text_is_compared_with_the_learnt_categories_as_it_stands_on_both_wires(text, index):
    by_card, by_tensor = a_model(), a_model()
    call = a_hook_call(an_observation("8867-4", 118, "/min"), a_coded("72166-2", text))
    tensors = (
        a_tensor("heart_rate", 118.0),
        a_tensor("age", 71.0),
        a_tensor("smoking", text) | {"datatype": "BYTES"},
    )

    a_client(by_card).post("/cds-services/sepsis-now", json=call)
    a_client(by_tensor).post("/v2/models/sepsis/infer", json=an_inference(*tensors))

    assert scored(by_card)["smoking.last"] == scored(by_tensor)["smoking.last"] == index


def test_a_chosen_code_in_another_unit_is_converted_and_in_no_unit_that_converts_refused():
    served = a_model()

    answered(served, an_event(POTASSIUM, 0.0059, unit="mol/L"))

    assert scored(served)[f"{POTASSIUM}.last"] == pytest.approx(5.9)
    with pytest.raises(WrongUnit, match=POTASSIUM):
        answered(a_model(), an_event(POTASSIUM, 20.0, unit="mg/dL"))


@pytest.mark.parametrize(("unit", "fits"), [(None, True), ("{ratio}", True), ("mg/dL", False)])
def test_a_chosen_code_without_a_unit_in_training_takes_no_value_with_one(unit, fits):
    served = a_model()
    event = an_event("LAB//ratio", 2.5, unit=unit)

    if fits:
        assert isinstance(answered(served, event), Score)
        assert scored(served)["LAB//ratio.last"] == 2.5
    else:
        with pytest.raises(WrongUnit, match="no unit"):
            answered(served, event)


def test_a_unit_that_only_the_training_data_know_is_accepted_as_it_stands():
    served = a_model((ChosenCode(code=POTASSIUM, unit="ng/mL/h"),))
    call = a_hook_call(
        an_observation("8867-4", 118, "/min"), an_observation("2823-3", 5.9, "ng/mL/h"),
    )  # fmt: skip

    response = a_client(served).post("/cds-services/sepsis-now", json=call)

    assert response.status_code == 200, response.text
    assert scored(served)[f"{POTASSIUM}.last"] == 5.9


def test_an_impossible_value_under_a_further_code_is_set_aside_like_one_of_its_own():
    plain = a_declaration()
    lactate = replace(plain.signals["lactate"], also=("LOINC//32693-4",), required=True)
    served = a_served_model(
        declaration=replace(plain, signals=plain.signals | {"lactate": lactate})
    )

    found = answered(served, an_event("LOINC//32693-4", 3.1, unit="mmol/L"))
    aside = answered(served, an_event("LOINC//32693-4", 400.0, unit="mmol/L"))

    assert isinstance(found, Score)
    assert aside.reason == "out_of_range"


def test_a_required_signal_is_there_when_a_further_code_says_it():
    plain = a_declaration()
    heart_rate = replace(plain.signals["heart_rate"], also=("LOINC//8889-8",))
    declaration = replace(plain, signals=plain.signals | {"heart_rate": heart_rate})
    served = a_served_model(declaration=declaration)
    call = a_hook_call(an_observation("8889-8", 118, "/min"))

    response = a_client(served).post("/cds-services/sepsis-now", json=call)

    assert response.json()["extension"]["bedside"]["outcome"] == "score"
    assert scored(served)["heart_rate.last"] == 118.0


@pytest.mark.parametrize(
    ("chosen", "rules", "told"),
    [
        (MARKED, (), INSULIN),
        ((ChosenCode(code="ICD10CM//E11.9", unit="1"),), (), "ICD10CM//E11.9"),
        (VALUED, (FeatureRule(since="SURGERY//any"),), "SURGERY//any"),
        (
            VALUED,
            (FeatureRule(signals=("heart_rate",), aggregates=("active",)),),
            "how long heart rate lasted",
        ),
    ],
)
def test_a_model_is_not_served_on_a_channel_that_cannot_carry_what_it_reads(chosen, rules, told):
    declaration = an_open_declaration(*rules)
    learnt = Learnt(codes={4: chosen}, categories={"smoking": TEXTS})

    with pytest.raises(Refused, match="no FHIR resource") as refusal:
        a_served_model(declaration=declaration, learnt=learnt)

    assert refusal.value.code == "channel_cannot_carry"
    assert told in str(refusal.value)
    assert a_served_model(
        declaration=replace(declaration, channels=Channels()), learnt=learnt
    ).answerer


def test_an_age_by_the_date_of_birth_comes_from_the_patient():
    rule = FeatureRule(since="MEDS//BIRTH", unit="a", label="birth")
    plain = a_declaration()
    declaration = replace(plain, features=(*plain.features[:1], rule), eligibility=())
    served = a_served_model(declaration=declaration)
    call = a_hook_call(an_observation("8867-4", 118, "/min"))

    response = a_client(served).post("/cds-services/sepsis-now", json=call)

    assert response.status_code == 200, response.text
    assert scored(served)["years_since.meds_BIRTH"] == pytest.approx(71.07, abs=0.01)


@pytest.mark.parametrize(("texts", "index"), [(("M", "F", "other"), 1.0), (("m", "other"), 1.0)])
def test_the_sex_of_a_collected_source_comes_from_the_patient(texts, index):
    plain = a_declaration()
    sex = Signal(label="sex", code="BEDSIDE//sex", role="static", learn_categories=True)
    declaration = replace(plain, signals=plain.signals | {"sex": sex})
    served = a_served_model(declaration=declaration, learnt=Learnt(categories={"sex": texts}))
    call = a_hook_call(
        an_observation("8867-4", 118, "/min"), patient=a_fhir_patient(gender="female")
    )

    response = a_client(served).post("/cds-services/sepsis-now", json=call)

    assert response.status_code == 200, response.text
    assert scored(served)["sex.last"] == index


def test_a_chosen_static_fact_needs_no_time():
    height = ChosenCode(code="LOINC//8302-2", unit="cm", static=True)
    by_card, by_tensor = a_model((height,)), a_model((height,))
    call = a_hook_call(
        an_observation("8867-4", 118, "/min"), an_observation("8302-2", 170, "cm"),
    )  # fmt: skip
    tensors = (
        a_tensor("heart_rate", 118.0), a_tensor("age", 71.0), a_tensor("LOINC//8302-2", 170.0),
    )  # fmt: skip

    a_client(by_card).post("/cds-services/sepsis-now", json=call)
    a_client(by_tensor).post("/v2/models/sepsis/infer", json=an_inference(*tensors))

    assert scored(by_card)["LOINC//8302-2.last"] == scored(by_tensor)["LOINC//8302-2.last"] == 170.0


def test_two_events_with_one_tail_are_two_inputs():
    plain = a_declaration()
    rules = (*plain.features, FeatureRule(since="WARD//icu", label="ward change"))
    declaration = replace(plain, features=rules, channels=Channels())

    body = a_client(a_served_model(declaration=declaration)).get("/v2/models/sepsis").json()

    codes = {each["name"]: each["parameters"]["code"] for each in body["inputs"]}
    assert (codes["icu"], codes["WARD//icu"]) == (START, "WARD//icu")


def test_an_interval_comes_with_its_end():
    plain = a_declaration()
    rule = FeatureRule(signals=("systolic",), aggregates=("hours_active",), windows=("24h",))
    declaration = replace(plain, features=(*plain.features, rule), channels=Channels())
    served = a_served_model(declaration=declaration)
    begun, over = ["2026-03-01T09:00:00Z", "2026-03-01T11:00:00Z"]
    tensors = (
        a_tensor("heart_rate", 118.0),
        a_tensor("age", 71.0),
        a_tensor("systolic", 80, 80, times=[begun, over], ends=["2026-03-01T10:00:00Z", None]),
    )

    response = a_client(served).post("/v2/models/sepsis/infer", json=an_inference(*tensors))

    assert response.status_code == 200, response.text
    assert scored(served)["systolic.hours_active.24h"] == 2.0


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"ends": [None]}, "not as many times"),
        ({"times": ["2026-03-01T09:00:00Z"], "ends": []}, "not as many times"),
        (
            {"times": ["2026-03-01T09:00:00Z"], "ends": ["2026-03-01T08:00:00Z"]},
            "before its time",
        ),
    ],
)
def test_an_end_that_fits_no_time_is_refused(parameters, problem):
    tensor = a_tensor("systolic", 80, **parameters)

    response = a_client(a_served_model()).post("/v2/models/sepsis/infer", json=an_inference(tensor))

    assert response.status_code == 400
    assert problem in response.json()["error"]
