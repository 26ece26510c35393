"""CDS Hooks discovery, calls, cards and feedback."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bedside.core.errors import Invalid
from bedside.core.records.answer import Abstention, AbstentionReason, Answer, Reason, Score
from bedside.interop.cds_hooks.cards import Shown, cards_of, withheld_cards
from bedside.interop.cds_hooks.discovery import prefetch_templates, service_of
from bedside.interop.cds_hooks.feedback import read_feedback
from bedside.interop.cds_hooks.request import missing_prefetch, read_call
from served import a_declaration, a_hook_call

CARD = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"


def a_score(risk: float = 0.62, **changes: Any) -> Score:
    reason = Reason(feature="lactate.last", text="lactate 4.2 mmol/L", contribution=1.6)
    score = Score(risk=risk, threshold=0.3, alert=risk >= 0.3, reasons=(reason,))
    return replace(score, **changes)


def a_card(outcome: Score | Abstention) -> dict[str, Any]:
    answer = Answer(
        prediction_id=CARD,
        model="sepsis",
        version="sepsis@1",
        stage="live",
        as_of="2026-03-01T12:00:00.000000Z",
        outcome=outcome,
    )
    declaration = a_declaration()
    (service,) = declaration.channels.services
    (card,) = cards_of(answer, outcome, declaration, Shown(service=service))["cards"]
    return card


def test_the_prefetch_asks_for_exactly_what_the_model_uses():
    templates = prefetch_templates(a_declaration())

    assert templates["patient"] == "Patient/{{context.patientId}}"
    assert templates["observations"] == (
        "Observation?patient={{context.patientId}}&code="
        "http://loinc.org|2524-7,http://loinc.org|8867-4,http://loinc.org|8480-6,"
        "http://loinc.org|8310-5&_sort=-date"
    )
    assert templates["encounters"].startswith("Encounter?patient={{context.patientId}}")


def test_a_model_without_a_start_event_asks_for_no_encounter():
    rules = a_declaration().features[:2]

    assert "encounters" not in prefetch_templates(a_declaration(features=rules))


def test_a_service_has_the_required_members():
    declaration = a_declaration()

    service = service_of(declaration, declaration.channels.cds_hooks)

    assert {"hook", "id", "title", "description", "prefetch"} == set(service)


def test_a_call_knows_its_patient_and_what_was_not_sent():
    body = a_hook_call()
    del body["prefetch"]["encounters"]

    call = read_call(json.dumps(body).encode(), hook="patient-view")

    assert call.patient_id == "pat-1"
    assert missing_prefetch(prefetch_templates(a_declaration()), call) == ("encounters",)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"hook": "order-sign"}, "hook is not the hook"),
        ({"hookInstance": "7"}, "hookInstance is not a UUID"),
        ({"context": {"userId": "x"}}, r"context\.patientId is not given"),
        ({"context": {"patientId": ""}}, r"context\.patientId is empty"),
        ({"prefetch": []}, r"The request\.prefetch must be"),
    ],
)
def test_a_malformed_call_is_refused_at_its_place(changes, place):
    with pytest.raises(Invalid, match=place):
        read_call(json.dumps(a_hook_call() | changes).encode(), hook="patient-view")


@pytest.mark.parametrize(("risk", "indicator"), [(0.3, "warning"), (0.299, "info")])
def test_a_card_warns_from_the_threshold_on(risk, indicator):
    assert a_card(a_score(risk))["indicator"] == indicator


@pytest.mark.parametrize(
    ("risk", "words"),
    [
        (0.62, "risk 62 %, at or above the alert threshold of 30 %"),
        (0.03, "risk 3 %, below the alert threshold of 30 %"),
        (0.0, "risk under 1 %, below"),
        (1.0, "risk over 99 %, at or above"),
        (0.299, "risk 29.9 %, below the alert threshold of 30.0 %"),
        (0.29996, "risk 29.996 %, below the alert threshold of 30.000 %"),
    ],
)
def test_a_summary_says_the_risk_without_claiming_certainty_or_contradicting_itself(risk, words):
    assert words in a_card(a_score(risk))["summary"]


def test_a_summary_is_shorter_than_140_characters_whatever_the_reason():
    long = Abstention(reason=AbstentionReason.MISSING, signal="x", text="not measured " * 40)

    card = a_card(long)

    assert len(card["summary"]) < 140
    assert long.text.strip() in card["detail"].lower()


def test_notes_and_the_direction_of_each_reason_are_in_the_detail():
    lowers = Reason(feature="age.last", text="age 40 years", contribution=-0.2)

    detail = a_card(a_score(reasons=(lowers,), notes=("Lactate was left out.",)))["detail"]

    assert "- age 40 years (lowers the risk)" in detail
    assert "Lactate was left out." in detail


def test_a_source_has_a_label_and_a_topic_and_no_link():
    source = a_card(a_score())["source"]

    assert source["label"] == "Sepsis in intensive care"
    assert source["topic"]["code"] == "sepsis"
    assert "url" not in source


def test_withheld_cards_say_why_there_are_none():
    answer = Answer(
        prediction_id=CARD,
        model="sepsis",
        version="sepsis@1",
        stage="silent",
        as_of="2026-03-01T12:00:00.000000Z",
        outcome=a_score(),
    )

    body = withheld_cards(answer)

    assert body["cards"] == []
    assert body["extension"]["bedside"]["outcome"] == "withheld"
    assert body["extension"]["bedside"]["reason"] == "silent mode"
    assert body["extension"]["bedside"]["prediction_id"] == CARD


def a_feedback(**changes: Any) -> bytes:
    entry = {"card": CARD, "outcome": "accepted", "outcomeTimestamp": "2026-03-01T12:01:00Z"}
    return json.dumps({"feedback": [entry | changes]}).encode()


def test_feedback_keeps_the_reason_of_an_override():
    (entry,) = read_feedback(a_feedback(outcome="overridden", overrideReason={"userComment": "no"}))

    assert entry.outcome == "overridden"
    assert json.loads(entry.detail)["overrideReason"] == {"userComment": "no"}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (a_feedback(outcome="ignored"), r"feedback\[0\]\.outcome is not an outcome"),
        (a_feedback(card="7"), r"feedback\[0\]\.card is not a UUID"),
        (a_feedback(outcomeTimestamp="now"), r"feedback\[0\]\.outcomeTimestamp is not a time"),
        (b'{"feedback": []}', "feedback is empty"),
    ],
)
def test_malformed_feedback_is_refused_at_its_place(content, place):
    with pytest.raises(Invalid, match=place):
        read_feedback(content)
