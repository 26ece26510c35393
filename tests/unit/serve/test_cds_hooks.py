"""The CDS Hooks wire: every hook, its orders, what a card offers, and what comes back."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bedside.core.clock import FixedClock
from bedside.core.errors import Refused
from bedside.core.ports.cds_hooks import KnownPrediction
from bedside.core.records.cds_hooks import (
    CdsHooks,
    OverrideReason,
    SuggestedAction,
    Suggestion,
)
from bedside.core.records.declaration import Channels
from bedside.core.records.features import FeatureRule
from bedside.core.records.version import Stage
from bedside.interop.cds_hooks.cards import suggestion_id
from bedside.interop.cds_hooks.checking import check_discovery, check_request, check_response
from bedside.interop.sealed_answer import opened_answer
from bedside.serve.app import create_app
from bedside.serve.auth import TokenCheck
from bedside.serve.cds_hooks import CdsParts
from bedside.serve.model_card import CardLinks
from cds_clients import BASE, later
from served import (
    NOW,
    TOKEN_SHA256,
    HttpClient,
    Served,
    a_declaration,
    a_fhir_patient,
    a_hook_call,
    a_patient,
    a_search,
    a_served_model,
    an_encounter,
    an_observation,
    service_for,
)

DRUG = "RXNORM//1298088"
CULTURE = Suggestion(
    label="Take blood cultures",
    recommended=True,
    actions=(
        SuggestedAction(
            description="Two sets of blood cultures",
            resource={
                "resourceType": "ServiceRequest",
                "status": "draft",
                "intent": "order",
                "subject": {"reference": "Patient/{{context.patientId}}"},
                "encounter": {"reference": "Encounter/{{context.encounterId}}"},
                "requester": {"reference": "{{context.userId}}"},
                "authoredOn": "{{asOf}}",
            },
        ),
    ),
)
REASON = OverrideReason(code="palliative", display="Care is palliative")


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    """The first answer of a process compiles the features, which takes seconds."""
    a_served_model().answer(a_patient())


def a_service(**changes: Any) -> CdsHooks:
    told = {"id": "sepsis-now", "title": "Sepsis watch", "description": "Risk in 6 hours."}
    return CdsHooks(**(told | changes))


def a_model(*services: CdsHooks, rules: tuple[Any, ...] = (), **parts: Any) -> Served:
    declaration = a_declaration()
    declaration = replace(
        declaration,
        channels=Channels(cds_hooks=services or a_service()),
        features=(*declaration.features, *rules),
    )
    return a_served_model(declaration=declaration, **parts)


class Keeping:
    """Finds the predictions that a ledger in memory keeps."""

    def __init__(self, served: Served, model: str = "sepsis", *, shown: bool = True) -> None:
        self._served, self._model, self._shown = served, model, shown

    def __call__(self, prediction_id: str) -> KnownPrediction | None:
        for entry, sealed in self._served.ledger.kept:
            if entry.details.get("prediction_id") == prediction_id:
                subject = opened_answer(sealed or b"{}")["subject"]
                version = entry.details["version"]
                return KnownPrediction(
                    model=self._model, version=version, subject=subject, shown=self._shown
                )
        return None


def a_client(served: Served, **parts: Any) -> HttpClient:
    app = create_app(
        service_for(served.answerer),
        authenticators=[TokenCheck(TOKEN_SHA256)],
        cds=CdsParts(**({"find": Keeping(served)} | parts)),
    )
    return HttpClient(app)


def a_call(hook: str = "patient-view", path: str = "/cds-services/sepsis-now", **context: Any):
    body = a_hook_call() | {"hook": hook}
    told = {"encounterId": "enc-1"} if hook == "encounter-discharge" else {}
    if hook.startswith("order-"):
        told["draftOrders"] = drafts(a_draft())
    if hook == "order-select":
        told["selections"] = ["MedicationRequest/rx-1"]
    whole = body["context"] | told | context
    body["context"] = {key: part for key, part in whole.items() if part is not None}
    return body


def a_draft(**changes: Any) -> dict[str, Any]:
    system = "http://www.nlm.nih.gov/research/umls/rxnorm"
    return {
        "resourceType": "MedicationRequest",
        "id": "rx-1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/pat-1"},
        "medicationCodeableConcept": {"coding": [{"system": system, "code": "1298088"}]},
    } | changes


def drafts(*orders: dict[str, Any]) -> dict[str, Any]:
    entries = [{"fullUrl": f"urn:uuid:{n}", "resource": one} for n, one in enumerate(orders)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


HOOKS = ("patient-view", "order-select", "order-sign", "encounter-discharge")


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_answered_with_a_card_that_the_specification_takes(hook):
    client = a_client(a_model(a_service(hook=hook)))
    asked = a_call(hook)

    response = client.post("/cds-services/sepsis-now", json=asked)

    assert check_request(json.dumps(asked).encode()) == ()
    assert response.status_code == 200, response.text
    assert check_response(response.content) == ()
    assert check_discovery(client.get("/cds-services").content) == ()
    assert response.json()["cards"][0]["indicator"] == "warning"


def test_one_model_may_be_asked_by_several_hooks_under_ids_of_their_own():
    services = [a_service(id=hook, hook=hook, usage_requirements="Send it all.") for hook in HOOKS]
    served = a_model(*services)
    client = a_client(served)

    told = client.get("/cds-services").json()["services"]
    answers = [client.post(f"/cds-services/{hook}", json=a_call(hook)) for hook in HOOKS]

    assert [(one["id"], one["hook"]) for one in told] == [(hook, hook) for hook in HOOKS]
    assert {one["usageRequirements"] for one in told} == {"Send it all."}
    assert [one.status_code for one in answers] == [200] * 4
    wrong = client.post("/cds-services/order-sign", json=a_call("patient-view"))
    assert "hook is not the hook" in wrong.json()["error"]


@pytest.mark.parametrize(
    ("hook", "context", "place"),
    [
        ("patient-view", {"userId": None}, "context.userId is not given"),
        ("patient-view", {"userId": "7"}, "context.userId is not of its form"),
        ("patient-view", {"patientId": "Patient/pat-1"}, "context.patientId is not of its form"),
        ("patient-view", {"encounterId": "Encounter/1"}, "context.encounterId is not of its"),
        ("encounter-discharge", {"encounterId": None}, "context.encounterId is not given"),
        ("order-sign", {"draftOrders": None}, "context.draftOrders is not given"),
        ("order-sign", {"draftOrders": {"resourceType": "Patient"}}, "draftOrders.resourceType"),
        ("order-sign", {"draftOrders": drafts(a_fhir_patient())}, "resource is not an order"),
        ("order-select", {"selections": None}, "context.selections is not given"),
        ("order-select", {"selections": ["rx-1"]}, r"selections[0] is not of its form"),
        ("order-select", {"selections": ["ServiceRequest/9"]}, "is not among the draft orders"),
        (
            "order-sign",
            {"draftOrders": drafts(a_draft(subject={"reference": "Patient/other"}))},
            "is not the patient of this request",
        ),
    ],
)
def test_a_context_that_its_hook_does_not_define_so_is_refused(hook, context, place):
    served = a_model(a_service(hook=hook))

    response = a_client(served).post("/cds-services/sepsis-now", json=a_call(hook, **context))

    assert response.status_code == 400
    assert place in response.json()["error"]
    assert served.ledger.kept == []


SINCE_DRUG = FeatureRule(since=DRUG, label="flurazepam")


def test_an_order_that_the_model_asks_for_is_an_event_of_now():
    served = a_model(a_service(hook="order-sign", draft_orders="read"), rules=(SINCE_DRUG,))
    client = a_client(served)

    asked = client.post("/cds-services/sepsis-now", json=a_call("order-sign")).json()
    none = a_call("order-sign", draftOrders=drafts(a_draft(medicationCodeableConcept={})))
    client.post("/cds-services/sepsis-now", json=none)

    (_, first), (_, second) = served.ledger.kept
    (name,) = [key for key in opened_answer(first)["features"] if DRUG in key or "1298088" in key]
    assert opened_answer(first)["features"][name] == 0.0
    assert opened_answer(second)["features"][name] is None
    assert "not taken into account" not in asked["cards"][0]["detail"]


def test_an_order_that_the_model_does_not_ask_for_is_noted_on_the_card():
    response = a_client(a_model(a_service(hook="order-sign"))).post(
        "/cds-services/sepsis-now", json=a_call("order-sign")
    )

    detail = response.json()["cards"][0]["detail"]
    assert "1 draft order was not taken into account" in detail


def test_a_model_that_needs_orders_and_does_not_read_drafts_is_refused():
    with pytest.raises(Refused, match="no FHIR resource that is read there"):
        a_model(a_service(hook="order-sign"), rules=(SINCE_DRUG,))


def test_a_card_offers_what_the_declaration_says_filled_in_for_this_patient():
    service = a_service(
        indicator="critical", suggestions=(CULTURE,), override_reasons=(REASON,), selection="any"
    )
    client = a_client(a_model(service))

    response = client.post("/cds-services/sepsis-now", json=a_call())

    (card,) = response.json()["cards"]
    (suggestion,) = card["suggestions"]
    assert check_response(response.content) == ()
    assert card["indicator"] == "critical"
    assert card["selectionBehavior"] == "any"
    assert card["overrideReasons"] == [
        {"code": "palliative", "system": REASON.system, "display": "Care is palliative"}
    ]
    assert suggestion["uuid"] == suggestion_id(card["uuid"], 0)
    assert suggestion["isRecommended"] is True
    assert suggestion["actions"][0]["type"] == "create"
    assert suggestion["actions"][0]["resource"] == {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/pat-1"},
        "requester": {"reference": "Practitioner/7"},
        "authoredOn": "2026-03-01T12:00:00.000000Z",
    }, "the encounter is not known, so it is left out"


def test_nothing_is_offered_where_nothing_alerts():
    well = (an_observation("2524-7", 0.9, "mmol/L"), an_observation("8867-4", 70, "/min"))
    service = a_service(suggestions=(CULTURE,), override_reasons=(REASON,))

    response = a_client(a_model(service)).post("/cds-services/sepsis-now", json=a_hook_call(*well))

    (card,) = response.json()["cards"]
    assert {"suggestions", "selectionBehavior", "overrideReasons"}.isdisjoint(card)


@pytest.mark.parametrize("mode", ["raises", "nan", "unexplained"])
def test_a_failure_may_be_declared_to_be_a_card_that_says_so(mode):
    served = a_model(a_service(on_failure="card", suggestions=(CULTURE,)))
    served.model.mode = mode

    response = a_client(served).post("/cds-services/sepsis-now", json=a_call())

    (card,) = response.json()["cards"]
    assert response.status_code == 200
    assert check_response(response.content) == ()
    assert card["summary"] == "Sepsis in intensive care: no score: the model failed"
    assert card["indicator"] == "warning"
    assert "suggestions" not in card
    assert served.ledger.kept[0][0].details["outcome"] == "failure"
    assert response.json()["extension"]["bedside"]["outcome"] == "failure"


def test_a_silent_version_shows_no_failure_card_either():
    served = a_model(a_service(on_failure="card"), stage=Stage.SILENT)
    served.model.mode = "raises"

    response = a_client(served).post("/cds-services/sepsis-now", json=a_call())

    assert response.status_code == 500
    assert "cards" not in response.json()


class OneServer:
    """A source that knows one server, and gives what it was told to."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, []

    def fetch(self, server: str, token: str | None, queries: Any) -> dict[str, bytes]:
        self.asked.append((server, token, dict(queries)))
        if server != "https://ehr.example.org/fhir":
            raise Refused("It is not listed.", fix="list it.", code="server_not_allowed")
        return {name: json.dumps(self.answers[name]).encode() for name in queries}


def with_access(body: dict[str, Any], server: str = "https://ehr.example.org/fhir") -> Any:
    return body | {
        "fhirServer": server,
        "fhirAuthorization": {
            "access_token": "s3cret-t0ken",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.read",
            "subject": "bedside",
        },
    }


def test_what_did_not_come_is_fetched_and_kept_without_the_token():
    served = a_model()
    whole = a_hook_call()["prefetch"]
    source = OneServer(observations=whole["observations"], encounters=a_search(an_encounter()))
    asked = a_hook_call(observations=None)
    del asked["prefetch"]["encounters"]
    client = a_client(served, source=source)

    fetched = client.post("/cds-services/sepsis-now", json=with_access(asked))
    sent = client.post("/cds-services/sepsis-now", json=a_hook_call())

    ((_, token, queries),) = source.asked
    assert token == "s3cret-t0ken"  # noqa: S105
    assert set(queries) == {"observations", "encounters"}
    assert queries["observations"].startswith("Observation?patient=pat-1&code=")
    summaries = [one.json()["cards"][0]["summary"] for one in (fetched, sent)]
    assert summaries[0] == summaries[1]
    kept = json.loads(opened_answer(served.ledger.kept[0][1])["request"])
    assert kept["prefetch"]["observations"] == whole["observations"]
    assert "fhirAuthorization" not in kept
    assert b"s3cret-t0ken" not in served.ledger.kept[0][1]


def test_a_token_that_was_not_needed_is_not_kept_either():
    served = a_model()

    a_client(served).post("/cds-services/sepsis-now", json=with_access(a_hook_call()))

    assert b"s3cret-t0ken" not in served.ledger.kept[0][1]


@pytest.mark.parametrize(
    ("source", "server", "code"),
    [
        (None, "https://ehr.example.org/fhir", "server_not_allowed"),
        (OneServer(), "https://evil.example.net/fhir", "server_not_allowed"),
    ],
)
def test_a_server_that_may_not_be_asked_is_412_with_the_reason(source, server, code):
    served = a_model()
    asked = with_access(a_hook_call(encounters=None), server)

    response = a_client(served, source=source).post("/cds-services/sepsis-now", json=asked)

    assert response.status_code == 412
    assert response.json()["code"] == code
    assert response.json()["missing"] == ["encounters"]
    assert "s3cret" not in response.text
    assert served.ledger.kept == []


def test_feedback_is_recorded_against_its_prediction_with_its_subject():
    service = a_service(suggestions=(CULTURE,), override_reasons=(REASON,))
    served = a_model(service)
    client = a_client(served)
    card = client.post("/cds-services/sepsis-now", json=a_call()).json()["cards"][0]
    subjects: list[int | None] = []
    append = served.ledger.append

    def noting(*args: Any, **parts: Any) -> Any:
        subjects.append(parts.get("subject"))
        return append(*args, **parts)

    served.ledger.append = noting
    entries = [
        {
            "card": card["uuid"],
            "outcome": "accepted",
            "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}],
            "outcomeTimestamp": "2026-03-01T12:01:00Z",
        },
        {
            "card": card["uuid"],
            "outcome": "overridden",
            "overrideReason": {
                "reason": card["overrideReasons"][0],
                "userComment": "Mrs Planted is palliative",
            },
            "outcomeTimestamp": "2026-03-01T12:02:00Z",
        },
    ]

    response = client.post("/cds-services/sepsis-now/feedback", json={"feedback": entries})

    first, second = (entry.details for entry, _ in served.ledger.kept[1:])
    assert response.json() == {"recorded": 2}
    assert first["accepted"] == ["Take blood cultures"]
    assert (second["override"], second["commented"]) == ("palliative", True)
    assert "Planted" not in json.dumps(second)
    assert b"Planted" in served.ledger.kept[2][1]
    patient = opened_answer(served.ledger.kept[0][1])["subject"]
    assert patient is not None
    assert subjects == [patient, patient]


UNKNOWN = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"


def a_feedback(card: str, **changes: Any) -> dict[str, Any]:
    told = {"card": card, "outcome": "accepted", "outcomeTimestamp": "2026-03-01T12:01:00Z"}
    return told | changes


def test_feedback_on_a_card_that_was_never_given_is_named_and_not_recorded():
    served = a_model()
    client = a_client(served)
    card = client.post("/cds-services/sepsis-now", json=a_call()).json()["cards"][0]["uuid"]
    path = "/cds-services/sepsis-now/feedback"

    alone = client.post(path, json={"feedback": [a_feedback(UNKNOWN)]})
    mixed = client.post(path, json={"feedback": [a_feedback(UNKNOWN), a_feedback(card)]})

    assert (alone.status_code, alone.json()["code"]) == (404, "unknown_card")
    assert mixed.json() == {"recorded": 1, "unknown": [UNKNOWN]}
    assert len(served.ledger.kept) == 2


@pytest.mark.parametrize("known", [{"model": "other"}, {"shown": False}])
def test_feedback_on_a_card_of_another_model_or_that_nobody_saw_is_not_recorded(known):
    served = a_model()
    client = a_client(served, find=Keeping(served, **known))
    card = client.post("/cds-services/sepsis-now", json=a_call()).json()["cards"][0]["uuid"]

    response = client.post(
        "/cds-services/sepsis-now/feedback", json={"feedback": [a_feedback(card)]}
    )

    assert response.status_code == 404


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"outcome": "overridden", "acceptedSuggestions": [{"id": UNKNOWN}]}, "acceptedSug"),
        ({"overrideReason": {"userComment": "x"}}, "overrideReason"),
        ({"acceptedSuggestions": [{"id": "7"}]}, "acceptedSuggestions[0].id is not a UUID"),
        (
            {"outcome": "overridden", "overrideReason": {"reason": {"code": "made-up"}}},
            "is not a reason that this service offers",
        ),
    ],
)
def test_feedback_that_contradicts_itself_is_refused(changes, place):
    served = a_model(a_service(override_reasons=(REASON,)))

    response = a_client(served).post(
        "/cds-services/sepsis-now/feedback", json={"feedback": [a_feedback(UNKNOWN, **changes)]}
    )

    assert response.status_code == 400
    assert place in response.json()["error"]


def a_linked_client(served: Served, links: CardLinks) -> HttpClient:
    app = create_app(
        service_for(served.answerer),
        authenticators=[TokenCheck(TOKEN_SHA256), links],
        allowed_hosts=["cds.example.org"],
        cds=CdsParts(links=links),
    )
    return HttpClient(app, host="cds.example.org")


def test_a_card_links_to_the_page_of_its_model_which_opens_without_an_account():
    links = CardLinks(BASE, b"k" * 32, FixedClock(NOW))
    client = a_linked_client(a_model(), links)
    (card,) = client.post("/cds-services/sepsis-now", json=a_call()).json()["cards"]
    (link,) = card["links"]
    path = link["url"].removeprefix(BASE)
    anybody = {"Authorization": ""}

    page = client.get(path, headers=anybody)
    changed = client.get(path.replace("seal=", "seal=0"), headers=anybody)
    other = client.get(path.replace("/sepsis/", "/falls/"), headers=anybody)

    assert link["type"] == "absolute"
    assert link["url"] == card["source"]["url"]
    assert link["url"].startswith(f"{BASE}/models/sepsis/card?until=")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policies = page.headers.get_list("content-security-policy")
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "unsafe" not in policies[0]
    assert "&lt;b&gt;adults" in page.text
    assert "<table>" in page.text
    assert "See the report and" in page.text, "the report is not served"
    assert '<a href="https://doi.org/1">' in page.text
    assert (changed.status_code, other.status_code) == (401, 401)


def test_the_address_on_a_card_lasts_a_month_or_two_and_opens_nothing_else():
    address = CardLinks(BASE, b"k" * 32, FixedClock(NOW)).address("sepsis").removeprefix(BASE)
    path, _, query = address.partition("?")

    def opened(days: int, path: str = path) -> Any:
        links = CardLinks(BASE, b"k" * 32, FixedClock(later(days * 86400)))
        return links.caller({"path": path, "query_string": query.encode()}, {})

    assert opened(29).scopes == {"describe/sepsis"}
    assert opened(0, "/v2/models/sepsis") is None
    assert opened(0, "/models/other/card") is None
    with pytest.raises(Refused):
        opened(61)


def test_without_a_public_address_a_card_has_no_link():
    (card,) = a_client(a_model()).post("/cds-services/sepsis-now", json=a_call()).json()["cards"]

    assert "links" not in card
    assert "url" not in card["source"]
