"""What a FHIR Consent permits and refuses, rule by rule."""

import json
from datetime import UTC, datetime

import pytest

from bedside.core.records.consent import Provision, provision_of, said_of
from bedside.core.records.purpose import Purpose
from bedside.interop.fhir_bulk.consents import Consent, provisions_text
from bedside.interop.fhir_bulk.decoding import decode_resource

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"


def a_consent(**more):
    told = {
        "resourceType": "Consent",
        "id": "c1",
        "status": "active",
        "patient": {"reference": "Patient/p1"},
        "dateTime": "2026-01-05T10:00:00+01:00",
    }
    found = decode_resource(json.dumps(told | more).encode())
    assert isinstance(found, Consent)
    return found


def purposes(*codes):
    return [{"system": ACT_REASON, "code": code} for code in codes]


def said(consent, purpose, moment=NOW):
    text = provisions_text(consent)
    found = () if text is None else provision_of(text)
    return said_of([(NOW, one) for one in found], purpose, moment)


def test_a_rule_counts_for_its_purposes_and_in_its_period():
    consent = a_consent(
        provision={
            "type": "deny",
            "purpose": purposes("HRESCH"),
            "period": {"start": "2026-01-01", "end": "2026-11-26"},
        }
    )

    assert said(consent, Purpose.HRESCH) == "deny"
    assert said(consent, Purpose.SYSDEV) is None
    text = provisions_text(consent)
    assert provision_of(text) == (
        Provision(
            kind="deny",
            purposes=frozenset({Purpose.HRESCH}),
            starts=datetime(2026, 1, 1, tzinfo=UTC),
            ends=datetime(2026, 11, 27, tzinfo=UTC),
        ),
    )


def test_the_base_is_what_the_policy_rule_says_and_rules_inside_are_exceptions():
    rule = {"coding": [{"system": "v3-ActCode", "code": "OPTOUT"}]}
    inner = {"type": "permit", "purpose": purposes("HRESCH")}

    consent = a_consent(policyRule=rule, provision={"provision": [inner]})

    assert said(consent, Purpose.HRESCH) == "permit"
    assert said(consent, Purpose.SYSDEV) == "deny"


@pytest.mark.parametrize(
    ("kind", "narrow", "expected"),
    [
        ("deny", {"class": [{"code": "x"}]}, "deny"),
        ("deny", {"purpose": [{"code": "SOMETHING"}]}, "deny"),
        ("permit", {"actor": [{"role": {"text": "x"}, "reference": {}}]}, None),
        ("permit", {"purpose": [{"code": "SOMETHING"}]}, None),
    ],
)
def test_what_cannot_be_told_apart_counts_against_the_use(kind, narrow, expected):
    assert said(a_consent(provision={"type": kind} | narrow), Purpose.SYSDEV) == expected


def test_a_kind_of_research_is_research():
    consent = a_consent(provision={"type": "deny", "purpose": purposes("CLINTRCH")})

    assert said(consent, Purpose.HRESCH) == "deny"


def test_a_period_that_cannot_be_read_narrows_no_refusal_and_permits_nothing():
    consent = a_consent(provision={"type": "deny", "period": {"start": "soon", "end": "2020-13"}})

    permit = a_consent(provision={"type": "permit", "period": {"end": "2020-13"}})

    assert said(consent, Purpose.SYSDEV) == "deny"
    assert said(permit, Purpose.SYSDEV) is None
    assert provisions_text(a_consent()) is None
