"""Each rule of the specification, and a message that breaks it; and bytes of any kind."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.interop.cds_hooks.checking import (
    check_discovery,
    check_feedback,
    check_request,
    check_response,
)
from bedside.interop.cds_hooks.feedback import LARGEST, read_feedback
from bedside.interop.cds_hooks.request import check_context, kept_request, read_call
from served import a_hook_call

UUID = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
ACTION = {"type": "create", "description": "d", "resource": {"resourceType": "Task"}}


def a_card(**changes: Any) -> bytes:
    told = {
        "uuid": UUID,
        "summary": "s",
        "indicator": "info",
        "source": {"label": "l"},
        "links": [{"label": "l", "url": "https://example.org", "type": "absolute"}],
        "suggestions": [{"label": "l", "uuid": UUID, "actions": [ACTION]}],
        "selectionBehavior": "any",
        "overrideReasons": [{"code": "c", "system": "s", "display": "d"}],
    }
    card = {key: part for key, part in (told | changes).items() if part is not ...}
    return json.dumps({"cards": [card]}).encode()


def test_a_whole_card_keeps_every_rule():
    assert check_response(a_card()) == ()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"summary": ...}, "summary"),
        ({"summary": "x" * 140}, "summary"),
        ({"summary": ""}, "summary"),
        ({"indicator": ...}, "indicator"),
        ({"indicator": "hard-stop"}, "indicator"),
        ({"uuid": "7"}, "uuid"),
        ({"source": ...}, "source"),
        ({"source": {}}, "source"),
        ({"source": {"label": "l", "url": "/relative"}}, "source.url"),
        ({"source": {"label": "l", "topic": {"display": "d"}}}, "source.topic.code"),
        ({"selectionBehavior": ...}, "selectionBehavior"),
        ({"selectionBehavior": "all"}, "selectionBehavior"),
        ({"suggestions": [{"label": ""}]}, "suggestions[0].label"),
        ({"suggestions": [{"label": "l", "uuid": "7"}]}, "suggestions[0].uuid"),
        ({"suggestions": [{"label": "l", "isRecommended": "yes"}]}, "suggestions[0].isRecommended"),
        (
            {
                "suggestions": [{"label": "l", "isRecommended": True}] * 2,
                "selectionBehavior": "at-most-one",
            },
            "suggestions",
        ),
        (
            {"suggestions": [{"label": "l", "actions": [{"type": "create", "description": "d"}]}]},
            "suggestions[0].actions[0].resource",
        ),
        (
            {"suggestions": [{"label": "l", "actions": [ACTION | {"type": "update"}]}]},
            "suggestions[0].actions[0].resource.id",
        ),
        (
            {"suggestions": [{"label": "l", "actions": [{"type": "delete", "description": "d"}]}]},
            "suggestions[0].actions[0].resourceId",
        ),
        ({"links": [{"label": "l", "url": "https://e.org"}]}, "links[0].type"),
        (
            {
                "links": [
                    {"label": "l", "url": "https://e.org", "type": "absolute", "appContext": "x"}
                ]
            },
            "links[0].appContext",
        ),
        ({"overrideReasons": [{"code": "c"}]}, "overrideReasons[0].display"),
        ({"extension": {}}, "extension"),
    ],
)
def test_a_card_that_breaks_a_rule_is_found_at_its_place(changes, where):
    assert f"cards[0].{where}" in {one.where for one in check_response(a_card(**changes))}


def test_a_response_without_cards_breaks_the_rule_and_an_empty_list_does_not():
    assert check_response(b"{}") != ()
    assert check_response(b'{"cards": []}') == ()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"hookInstance": "7"}, "hookInstance"),
        ({"hook": ""}, "hook"),
        ({"context": {}}, "context"),
        ({"context": {"patientId": "Patient/1", "userId": "Practitioner/7"}}, "context.patientId"),
        ({"context": {"patientId": "1"}}, "context.userId"),
        ({"context": {"patientId": "1", "userId": "Robot/7"}}, "context.userId"),
        ({"fhirServer": "ehr"}, "fhirServer"),
        ({"fhirAuthorization": {"access_token": "x"}}, "fhirServer"),
        ({"fhirAuthorization": {"access_token": "x"}}, "fhirAuthorization.expires_in"),
        ({"prefetch": {"patient": {}}}, "prefetch.patient"),
        (
            {"prefetch": {"p": {"resourceType": "Patient", "birthDate": "x"}}},
            "prefetch.p.birthDate",
        ),
        ({"prefetch": []}, "prefetch"),
    ],
)
def test_a_request_that_breaks_a_rule_is_found_at_its_place(changes, where):
    problems = check_request(json.dumps(a_hook_call() | changes).encode())

    assert where in {one.where for one in problems}


@pytest.mark.parametrize(
    ("service", "where"),
    [
        ({"hook": "patient-view", "id": "a"}, "services[0].description"),
        ({"hook": "patient-view", "id": "", "description": "d"}, "services[0].id"),
        ({"hook": "h", "id": "a", "description": "d", "prefetch": {}}, "services[0].prefetch"),
        (
            {"hook": "h", "id": "a", "description": "d", "prefetch": {"p": 1}},
            "services[0].prefetch.p",
        ),
    ],
)
def test_a_discovery_that_breaks_a_rule_is_found_at_its_place(service, where):
    problems = check_discovery(json.dumps({"services": [service]}).encode())

    assert where in {one.where for one in problems}


def test_two_services_of_one_id_break_the_rule():
    one = {"hook": "patient-view", "id": "a", "description": "d"}

    assert [p.rule for p in check_discovery(json.dumps({"services": [one, one]}).encode())] == [
        "unique"
    ]


def an_entry(**changes: Any) -> dict[str, Any]:
    told = {"card": UUID, "outcome": "accepted", "outcomeTimestamp": "2026-03-01T12:01:00Z"}
    return told | changes


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"card": "7"}, "card"),
        ({"outcome": "ignored"}, "outcome"),
        ({"outcomeTimestamp": "2026-03-01"}, "outcomeTimestamp"),
        ({"acceptedSuggestions": [{}]}, "acceptedSuggestions[0].id"),
        ({"overrideReason": {}}, "overrideReason"),
    ],
)
def test_feedback_that_breaks_a_rule_is_found_at_its_place(changes, where):
    body = json.dumps({"feedback": [an_entry(**changes)]}).encode()

    assert f"feedback[0].{where}" in {one.where for one in check_feedback(body)}


def test_feedback_has_a_bound():
    body = json.dumps({"feedback": [an_entry()] * (LARGEST + 1)}).encode()

    with pytest.raises(Invalid, match="too many"):
        read_feedback(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
PLACES = [
    ("hook",), ("hookInstance",), ("context",), ("context", "patientId"), ("context", "userId"),
    ("context", "draftOrders"), ("context", "selections"), ("prefetch",), ("prefetch", "patient"),
    ("prefetch", "observations", "entry"), ("fhirServer",), ("fhirAuthorization",),
]  # fmt: skip


@given(place=st.sampled_from(PLACES), value=JSON)
@settings(max_examples=200, deadline=None)
def test_a_request_is_read_or_refused_whatever_stands_in_a_member(place, value):
    body = a_hook_call()
    inner: Any = body
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    content = json.dumps(body).encode()

    check_request(content)
    try:
        call = read_call(content)
        check_context(call)
    except Invalid:
        return
    assert json.loads(kept_request(call, content, {}))["hookInstance"] == call.instance


@given(
    place=st.sampled_from([*sorted(an_entry()), "acceptedSuggestions", "overrideReason"]),
    value=JSON,
)
@settings(max_examples=150, deadline=None)
def test_feedback_is_read_or_refused_whatever_stands_in_a_member(place, value):
    content = json.dumps({"feedback": [an_entry(**{place: value})]}).encode()

    check_feedback(content)
    try:
        (entry,) = read_feedback(content)
    except Invalid:
        return
    assert entry.outcome in ("accepted", "overridden")
    assert json.loads(entry.detail)["card"]


@given(content=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_bytes_of_any_kind_are_refused_and_never_break_the_checks(content):
    for check in (check_request, check_response, check_discovery, check_feedback):
        check(content)
    for read in (read_call, read_feedback):
        with pytest.raises(Invalid):
            read(content)
