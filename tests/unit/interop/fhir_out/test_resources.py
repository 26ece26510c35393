"""Every kind of outcome as FHIR: structure by another's model of it, bindings by our own."""

import base64
import copy
import json
from datetime import timedelta

import pytest

from bedside.core.errors import Refused
from bedside.core.records.answer import Answer, Reason, ReasonSource, Score
from bedside.core.records.declaration import Channels
from bedside.core.records.fhir_channel import Fhir
from bedside.core.records.outcome import Outcome
from bedside.core.records.question import Question, TimeAtRisk, Window
from bedside.interop.declaration.fhir_channel_rules import fhir_channel_mistakes
from bedside.interop.fhir_out.bundles import transaction
from bedside.interop.fhir_out.checking import faults, faults_in_bundle
from bedside.interop.fhir_out.horizon import counted_span
from bedside.interop.fhir_out.sent import sources_of
from bedside.interop.fhir_out.told import Subject, Told
from bedside.interop.fhir_out.writing import written, written_back
from fhir_asking import SEPSIS, WITHIN_6_H, a_fhir_declaration, validated

ID = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"


def a_told(outcome=None, *, shown=True, **score):
    question = WITHIN_6_H if outcome is None else Question(
        ask="?", predicates={}, trigger="hour", outcome=outcome
    )  # fmt: skip
    parts = {"risk": 0.312, "threshold": 0.3, "alert": True, "reasons": (A_REASON,)} | score
    return Told(
        answer=Answer(
            prediction_id=ID,
            model="sepsis",
            version="sepsis@0123456789ab",
            stage="live",
            as_of="2026-03-01T12:00:00.000000Z",
            outcome=Score(**parts),
            shown=shown,
        ),
        score=Score(**parts),
        declaration=a_fhir_declaration(question=question),
        subject=Subject(patient="pat-1", encounter="enc-1"),
        inputs="cd" * 32,
        bundle="ab" * 32,
        recorded="2026-03-01T12:00:01.000000Z",
        sources=("Observation/7",),
        card=b"# Sepsis\n",
    )


A_REASON = Reason(feature="lactate.last", text="lactate <4.2> mmol/L", contribution=0.9)


def first(bundle):
    return bundle["entry"][0]["resource"]


def test_a_risk_is_told_in_per_cent_as_r4_asks():
    risk = first(validated(written(a_told())))

    (one,) = risk["prediction"]
    assert one["probabilityDecimal"] == 31.2
    assert one["rationale"].startswith("31.2 %, because of: lactate <4.2> mmol/L (raises the risk)")
    assert one["outcome"]["coding"] == [
        {"system": SEPSIS.system, "code": SEPSIS.code, "display": SEPSIS.display}
    ]
    assert "lactate &lt;4.2&gt; mmol/L" in risk["text"]["div"]
    assert risk["meta"]["security"][0]["code"] == "AIAST"


def test_survival_has_one_prediction_for_each_horizon_and_its_span():
    told = a_told(
        Outcome(kind="survival", horizons=("30 d", "365 d")),
        outputs=(("30 d", 0.1), ("365 d", 0.312)),
    )

    near, far = first(validated(written(told)))["prediction"]

    assert near["whenPeriod"]["end"] == "2026-03-31T12:00:00.000Z"
    assert (near["probabilityDecimal"], far["probabilityDecimal"]) == (10.0, 31.2)
    assert "qualitativeRisk" not in near
    assert far["qualitativeRisk"]["coding"][0]["code"] == "high"


def test_levels_have_a_prediction_each_and_none_of_them_is_called_high():
    told = a_told(
        Outcome(kind="ordinal", levels=("none", "mild", "severe")),
        outputs=(("none", 0.5), ("mild", 0.3), ("severe", 0.2)),
        threshold=None,
        alert=False,
    )

    predictions = first(validated(written(told)))["prediction"]

    assert [one["outcome"]["text"] for one in predictions] == ["none", "mild", "severe"]
    assert [one["probabilityDecimal"] for one in predictions] == [50.0, 30.0, 20.0]
    assert all("qualitativeRisk" not in one for one in predictions)


def test_a_number_is_an_observation_that_cannot_pass_for_a_measured_one():
    told = a_told(Outcome(kind="regression"), risk=3.5, threshold=None, alert=False, low=2.0,
                  high=5.0)  # fmt: skip

    made = first(validated(written(told)))

    assert made["resourceType"] == "Observation"
    assert made["valueQuantity"]["value"] == 3.5
    assert [one["valueQuantity"]["value"] for one in made["component"]] == [2.0, 5.0]
    assert made["code"]["coding"][0]["system"] == "https://bedside.health/codes/models"
    assert made["code"]["text"].startswith("Predicted ")
    assert made["meta"]["security"][0]["code"] == "AIAST"
    assert made["derivedFrom"] == [{"reference": "Observation/7"}]


def test_the_device_is_the_sealed_bundle_and_carries_its_card():
    bundle = written(a_told())

    device = bundle["entry"][1]["resource"]
    card = bundle["entry"][2]
    assert device["modelNumber"] == "ab" * 32
    assert device["manufacturer"] == "Ward 7"
    assert {"reference": card["fullUrl"]} in [
        one.get("valueReference") for one in device["extension"]
    ]
    attached = card["resource"]["content"][0]["attachment"]
    assert base64.b64decode(attached["data"]) == b"# Sepsis\n"


def test_a_transaction_creates_each_part_only_once():
    bundle = validated(transaction(a_told()))

    conditions = [entry["request"]["ifNoneExist"] for entry in bundle["entry"]]
    assert conditions[0] == (f"identifier=urn%3Aietf%3Arfc%3A3986%7Curn%3Auuid%3A{ID}")
    assert conditions[3].startswith("_tag=urn%3Aietf%3Arfc%3A3986%7C")
    assert transaction(a_told()) == bundle, "it is the same whenever it is made"


def test_what_is_shown_to_nobody_is_never_written_back():
    with pytest.raises(Refused) as refused:
        written_back(a_told(shown=False))

    assert refused.value.code == "not_shown"


def broken(path, value):
    """A sound Bundle in which one thing is changed."""
    bundle = copy.deepcopy(transaction(a_told()))
    *way, last = path
    part = bundle
    for step in way:
        part = part[step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return bundle


RISK = ("entry", 0, "resource")


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ((*RISK, "status"), "bogus", "RiskAssessment.status"),
        ((*RISK, "prediction", 0, "probabilityDecimal"), 101, "ras-2"),
        ((*RISK, "prediction", 0, "probabilityDecimal"), float("nan"), "ras-2"),
        ((*RISK, "prediction", 0, "probabilityDecimal"), -0.1, "ras-2"),
        ((*RISK, "prediction", 0, "qualitativeRisk", "coding", 0, "code"), "huge", "value set"),
        ((*RISK, "prediction", 0, "whenPeriod", "end"), "2020-01-01T00:00:00Z", "per-1"),
        ((*RISK, "prediction", 0, "outcome"), {}, "outcome has no words"),
        ((*RISK, "prediction"), [], "prediction is empty"),
        ((*RISK, "meta"), {}, "that a model asserted this"),
        ((*RISK, "identifier"), None, "would duplicate it"),
        ((*RISK, "subject", "reference"), "Group/1", "refers to no Patient"),
        ((*RISK, "occurrenceDateTime"), "2026-03-01", "no time with a zone"),
        ((*RISK, "performer"), None, "refers to no Device"),
        ((*RISK, "resourceType"), "Condition", "not one that is written here"),
        (("entry", 1, "resource", "status"), "on", "Device.status"),
        (("entry", 1, "resource", "modelNumber"), None, "modelNumber is missing"),
        (("entry", 1, "fullUrl"), "urn:uuid:gone", "leads to no entry"),
        (("entry", 2, "resource", "content", 0, "attachment", "data"), None, "att-1"),
        (("entry", 3, "resource", "entity", 0, "role"), "input", "entity.role"),
        (("entry", 3, "resource", "agent"), [], "agent names nobody"),
        (("entry", 0, "request"), None, "bdl-3"),
        (("entry", 0, "request", "ifNoneExist"), "", "without a condition"),
        (("type",), "batch", "collection or transaction"),
    ],
)
def test_our_own_checks_see_what_a_model_of_the_structure_lets_pass(path, value, fault):
    assert faults_in_bundle(transaction(a_told())) == []

    found = faults_in_bundle(broken(path, value))

    assert any(fault in one for one in found), found


def test_fhir_resources_lets_a_bogus_status_pass_so_our_checks_are_needed():
    assert validated(broken((*RISK, "status"), "bogus"))
    assert faults(broken((*RISK, "status"), "bogus")["entry"][0]["resource"])


@pytest.mark.parametrize(
    ("question", "span"),
    [
        ({"time_at_risk": TimeAtRisk(outcome="x", start="1 h", end="7 h")}, (1, 7)),
        ({"windows": {"w": Window(start="trigger", end="start + 24h", label="x")}}, (0, 24)),
        (
            {
                "windows": {
                    "input": Window(start=None, end="trigger + 24h", index_timestamp="end"),
                    "gap": Window(start="input.end", end="start + 12h"),
                    "target": Window(start="gap.end", end="start + 48h", label="x"),
                }
            },
            (12, 60),
        ),
        ({"windows": {"w": Window(start="trigger", end="trigger", label="x")}}, None),
        ({"windows": {"w": Window(start="trigger", end="start -> x", label="x")}}, None),
        ({"windows": {"w": Window(start="trigger", end=None, label="x")}}, None),
        ({"windows": {"w": Window(start="end", end="start", label="x")}}, None),
        ({}, None),
    ],
)
def test_the_span_in_which_the_outcome_counts_is_that_of_the_question(question, span):
    asked = Question(ask="?", predicates={}, trigger="t", **question)

    found = counted_span(asked)

    assert found == (span and tuple(timedelta(hours=each) for each in span))


def test_a_resource_is_named_only_where_the_reason_knows_its_digest():
    row = "ab" * 32
    source = ReasonSource(code="LOINC//2524-7", time=None, row=row)
    reason = Reason(feature="x", text="x", contribution=1.0, sources=(source,))
    score = Score(risk=0.1, threshold=None, alert=False, reasons=(reason,))
    sent = {"resourceType": "Observation", "id": "7", "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "2524-7"}]}}  # fmt: skip

    assert sources_of(score, {"r": json.dumps(sent).encode()}) == ()


@pytest.mark.parametrize(
    ("channel", "outcome", "place"),
    [
        ({"outcome": {"system": "snomed", "code": "1"}}, "binary", "system"),
        ({"outcome": {"system": "http://snomed.info/sct", "code": " 1"}}, "binary", "code"),
        ({"write_back": "alerts"}, "multiclass", "write_back"),
        ({"manufacturer": "x" * 101}, "binary", "manufacturer"),
    ],
)
def test_a_channel_that_says_what_cannot_be_is_refused(channel, outcome, place):
    if "outcome" in channel:
        channel = {"outcome": type(SEPSIS)(**channel["outcome"])}
    declared = a_fhir_declaration(
        channels=Channels(fhir=Fhir(**channel)),
        question=Question(ask="?", predicates={}, trigger="t", outcome=Outcome(kind=outcome)),
    )

    (mistake,) = fhir_channel_mistakes(declared)

    assert place in mistake.path
