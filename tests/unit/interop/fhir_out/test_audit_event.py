"""Each entry of the ledger is a sound AuditEvent, by the pattern of BALP that fits it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.records.ledger import GENESIS, LedgerEntry
from bedside.interop.fhir_out.audit_actions import Pattern, pattern_of
from bedside.interop.fhir_out.audit_checking import audit_faults
from bedside.interop.fhir_out.audit_event import BALP, audit_event
from fhir_asking import validated

ORIGIN = "bedside.health/ledger/ab"
TAG = "cd" * 32
KNOWN = [
    "answer", "approve", "prediction.open", "rollout.show", "release", "key.rotate", "erase",
    "access.revoke", "prediction.judge", "ledger.disclosures", "serve.start", "serve.stop",
    "release.refused", "checkpoint.failed", "made.up", "prediction.export", "score.export",
]  # fmt: skip


def an_entry(action="answer", *, details=None, tag=None, purpose="care", actor="user:grey"):
    return LedgerEntry(
        sequence=7,
        at="2026-01-31T08:00:00.000000Z",
        actor=actor,
        purpose=purpose,
        action=action,
        details=details or {},
        sealed_digest=None,
        subject_tag=tag,
        previous=GENESIS,
        hash="ef" * 32,
    )


def profile_of(event):
    (told,) = event["meta"]["profile"]
    return told.removeprefix(BALP)


@pytest.mark.parametrize("tag", [None, TAG])
@pytest.mark.parametrize("action", KNOWN)
def test_every_action_is_a_sound_event(action, tag):
    event = audit_event(an_entry(action, tag=tag), origin=ORIGIN)

    validated(event)
    assert audit_faults(event) == []


@pytest.mark.parametrize(
    ("action", "details", "tag", "profile"),
    [
        ("answer", {}, TAG, "PatientCreate"),
        ("build.done", {}, None, "Create"),
        ("prediction.open", {}, TAG, "PatientRead"),
        ("rollout.show", {}, None, "Read"),
        ("release", {}, None, "Update"),
        ("erase", {}, None, "Delete"),
        ("prediction.judge", {}, None, "Query"),
        ("features.explain", {}, TAG, "PatientQuery"),
        ("fhir.write_back", {"state": "sent", "server": "https://ehr/fhir"}, TAG,
         "PrivacyDisclosure.Source"),
    ],
)  # fmt: skip
def test_the_profile_is_that_of_what_was_done(action, details, tag, profile):
    event = audit_event(an_entry(action, details=details, tag=tag), origin=ORIGIN)

    assert profile_of(event) == profile
    assert audit_faults(event) == []


def test_what_leaves_of_many_claims_no_profile_that_asks_for_one_patient():
    event = audit_event(an_entry("export", details={"snapshot": "ab" * 32}), origin=ORIGIN)

    assert "meta" not in event
    assert event["type"]["code"] == "110106"
    assert pattern_of("export", {"version": "m@1", "as": "mlflow"}) is Pattern.EXPORT
    assert pattern_of("fhir.write_back", {"state": "dead"}) is Pattern.ACTIVITY


def test_a_failure_claims_no_profile_of_a_success():
    event = audit_event(an_entry("release.refused"), origin=ORIGIN)

    assert ("meta" in event, event["outcome"]) == (False, "4")


def test_a_patient_is_a_pseudonym_and_nothing_else():
    event = audit_event(an_entry(tag=TAG), origin=ORIGIN)

    (patient,) = [one for one in event["entity"] if one["type"]["code"] == "1"]
    assert set(patient) == {"what", "type", "role"}
    assert patient["what"]["identifier"]["value"] == TAG


@pytest.mark.parametrize(
    ("purpose", "code"), [("care", "TREAT"), ("research", "HRESCH"), ("audit", "HCOMPL")]
)
def test_the_purpose_is_coded(purpose, code):
    event = audit_event(an_entry(purpose=purpose), origin=ORIGIN)

    (told,) = event["purposeOfEvent"]
    assert [one["code"] for one in told["coding"]] == [code]
    assert told["text"] == purpose


def test_a_purpose_that_hl7_does_not_know_keeps_its_words_and_gets_no_code():
    (told,) = audit_event(an_entry(purpose="for fun"), origin=ORIGIN)["purposeOfEvent"]

    assert told == {"text": "for fun"}


@given(st.text(min_size=1, max_size=20), st.dictionaries(st.text(max_size=9), st.text(max_size=9)))
def test_no_entry_makes_an_unsound_event(action, details):
    event = audit_event(an_entry(action, details=details), origin=ORIGIN)

    assert audit_faults(json.loads(json.dumps(event))) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda e: e.update(action="X"),
        lambda e: e.update(outcome="1"),
        lambda e: e["agent"].pop(),
        lambda e: e["agent"][1].pop("network"),
        lambda e: e["agent"][1].update(requestor=True),
        lambda e: e["entity"].pop(),
        lambda e: e["entity"][0]["what"].update(display="Ada Lovelace"),
        lambda e: e["subtype"].pop(0),
        lambda e: e["meta"]["profile"].append(f"{BALP}Other"),
        lambda e: e["source"].pop("observer"),
    ],
)
def test_our_checks_notice(spoil):
    event = audit_event(an_entry(tag=TAG), origin=ORIGIN)
    spoil(event)

    assert audit_faults(event) != []
