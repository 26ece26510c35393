"""What CDS Hooks services may declare; and that a declaration of one service still reads."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from bedside.core.records.cds_hooks import (
    CdsHooks,
    OverrideReason,
    SuggestedAction,
    Suggestion,
)
from bedside.core.records.declaration import Channels
from bedside.interop.declaration import declaration_from_json, declaration_to_json
from bedside.interop.declaration.cds_hooks_rules import cds_hooks_mistakes
from served import a_declaration

ORDER = {
    "resourceType": "ServiceRequest",
    "status": "draft",
    "subject": {"reference": "Patient/{{context.patientId}}"},
}


def a_service(**changes: Any) -> CdsHooks:
    told = {"id": "sepsis-now", "title": "Sepsis", "description": "Risk in 6 hours."}
    return CdsHooks(**(told | changes))


def offering(label: str = "Take cultures", **resource: Any) -> CdsHooks:
    told = {key: part for key, part in (ORDER | resource).items() if part is not None}
    action = SuggestedAction(description="Two sets", resource=told)
    return a_service(suggestions=(Suggestion(label=label, actions=(action,)),))


def found(*services: CdsHooks) -> list[str]:
    declaration = a_declaration(channels=Channels(cds_hooks=services))
    return [
        f"{'.'.join(map(str, one.path[2:]))}: {one.problem}"
        for one in cds_hooks_mistakes(declaration)
    ]


def test_a_service_with_everything_breaks_no_rule():
    reason = OverrideReason(code="palliative", display="Care is palliative")

    assert found(replace(offering(), override_reasons=(reason,), hook="order-sign")) == []


@pytest.mark.parametrize(
    ("service", "problem"),
    [
        (a_service(id="Sepsis Now"), "0.id: 'Sepsis Now' is not a service id"),
        (a_service(title=" "), "0.title: this is empty"),
        (a_service(draft_orders="read"), "0.draft_orders: a call of patient-view brings no draft"),
        (
            a_service(override_reasons=(OverrideReason(code="", display="x"),)),
            "0.override_reasons.0: a reason without a code",
        ),
        (
            a_service(override_reasons=(OverrideReason(code="a", display="x"),) * 2),
            "0.override_reasons.1.code: two reasons have this code",
        ),
        (offering(label="x" * 81), "0.suggestions.0.label: the label is empty or long"),
        (
            a_service(suggestions=(Suggestion(label="x", actions=()),)),
            "0.suggestions.0.actions: nothing would happen",
        ),
        (
            offering(resourceType="Patient"),
            "0.suggestions.0.actions.0.resource: this is not a resource that may be suggested",
        ),
        (offering(status="active"), "resource: a suggestion may only make what someone"),
        (offering(id="7"), "resource.id: the server gives the id"),
        (offering(subject=None), "resource: it is not about the patient"),
        (offering(note="{{context.secret}}"), "resource: '{{context.secret}}' is not filled in"),
    ],
)
def test_a_service_that_breaks_a_rule_is_found_at_its_place(service, problem):
    assert problem in "\n".join(found(service))


def test_two_services_of_a_model_need_ids_of_their_own():
    assert found(a_service(), a_service(hook="order-sign")) == ["1.id: two services have this id"]
    assert found(a_service(), a_service(id="at-signing", hook="order-sign")) == []


def test_a_declaration_that_an_older_bedside_wrote_still_reads():
    whole = msgspec.json.decode(declaration_to_json(a_declaration()))
    keys = ("id", "title", "description", "hook")
    whole["channels"]["cds_hooks"] = {key: whole["channels"]["cds_hooks"][key] for key in keys}

    old = declaration_from_json(msgspec.json.encode(whole))

    assert old == a_declaration()
    assert [one.id for one in old.channels.services] == ["sepsis-now"]


def test_several_services_are_written_and_read_again():
    services = (offering(), a_service(id="at-signing", hook="order-sign"))
    declaration = a_declaration(channels=Channels(cds_hooks=services))

    again = declaration_from_json(declaration_to_json(declaration))

    assert again.channels.services == services
    assert a_declaration(channels=Channels()).channels.services == ()
