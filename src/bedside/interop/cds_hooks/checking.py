"""Whether a message keeps CDS Hooks: each rule of the specification that a message can break.

Source: CDS Hooks 2.0, "Discovery", "Calling a CDS Service", "CDS Service Response", "Feedback"; the
logical models and invariants of HL7/cds-hooks; FHIR R4 for the resources inside.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from bedside.core.errors import BedsideError
from bedside.core.web_address import WebAddress
from bedside.interop.cds_hooks.checking_resources import bundle_problems, resource_problems
from bedside.interop.cds_hooks.problems import FHIR_ID, Problem, Walk, at, content, listed, text
from bedside.interop.cds_hooks.request import is_uuid
from bedside.interop.instants import read_instant

__all__ = ["Problem", "check_discovery", "check_feedback", "check_request", "check_response"]

_INDICATORS = ("info", "warning", "critical")
_ACTIONS = ("create", "update", "delete")
_USERS = ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson")
_SUMMARY = 140
_CONTEXTS = {
    "patient-view": ("userId", "patientId"),
    "order-select": ("userId", "patientId", "selections", "draftOrders"),
    "order-sign": ("userId", "patientId", "draftOrders"),
    "encounter-discharge": ("userId", "patientId", "encounterId"),
}


def check_discovery(message: bytes) -> tuple[Problem, ...]:
    """What is wrong with the answer of `GET /cds-services`; nothing where it keeps every rule."""
    return _checked(message, _discovery)


def check_request(message: bytes) -> tuple[Problem, ...]:
    """What is wrong with the call of a service."""
    return _checked(message, _request)


def check_response(message: bytes) -> tuple[Problem, ...]:
    """What is wrong with a service's answer of HTTP status 200."""
    return _checked(message, _response)


def check_feedback(message: bytes) -> tuple[Problem, ...]:
    """What is wrong with feedback on cards."""
    return _checked(message, _feedback)


def _checked(message: bytes, rules: Callable[[dict[str, Any]], Walk]) -> tuple[Problem, ...]:
    try:
        told = msgspec.json.decode(message)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return (Problem("", "json", "is not JSON"),)
    if not isinstance(told, dict):
        return (Problem("", "json", "is not an object"),)
    return tuple(rules(told))


def _discovery(told: dict[str, Any]) -> Walk:
    ids: set[str] = set()
    for where, one in listed(told, "", "services", required=True):
        for key in ("hook", "id", "description"):
            yield from text(one, where, key, required=True)
        for key in ("title", "usageRequirements"):
            yield from text(one, where, key)
        name = one.get("id")
        if isinstance(name, str):
            if name in ids:
                yield Problem(at(where, "id"), "unique", "is the id of another service too")
            ids.add(name)
        yield from _extension(one, where)
        templates = one.get("prefetch")
        if templates is None and "prefetch" not in one:
            continue
        if not isinstance(templates, dict) or not templates:
            yield Problem(at(where, "prefetch"), "object", "is not an object of templates")
            continue
        for key in templates:
            yield from text(templates, at(where, "prefetch"), key, required=True)


def _request(told: dict[str, Any]) -> Walk:
    yield from text(told, "", "hook", required=True)
    yield from text(told, "", "hookInstance", required=True)
    instance = told.get("hookInstance")
    if isinstance(instance, str) and not is_uuid(instance):
        yield Problem("hookInstance", "uuid", "is not a UUID")
    yield from _url(told, "", "fhirServer")
    yield from _authorization(told)
    yield from content(told, "", "context", required=True)
    context = told.get("context")
    if isinstance(context, dict):
        yield from _context(context, str(told.get("hook")))
    prefetch = told.get("prefetch", {})
    if not isinstance(prefetch, dict):
        yield Problem("prefetch", "object", "is not an object")
    else:
        for key, value in prefetch.items():
            if value is not None:  # null: the client has no such data
                yield from resource_problems(value, f"prefetch.{key}")
    yield from _extension(told, "")


def _authorization(told: dict[str, Any]) -> Walk:
    if "fhirAuthorization" not in told:
        return
    if "fhirServer" not in told:
        yield Problem("fhirServer", "required", "is not given beside fhirAuthorization")
    yield from content(told, "", "fhirAuthorization")
    access = told["fhirAuthorization"]
    if not isinstance(access, dict):
        return
    for key in ("access_token", "token_type", "scope", "subject"):
        yield from text(access, "fhirAuthorization", key, required=True)
    if access.get("token_type", "Bearer") != "Bearer":
        yield Problem("fhirAuthorization.token_type", "fixed", "is not Bearer")
    life = access.get("expires_in")
    if isinstance(life, bool) or not isinstance(life, int):
        yield Problem("fhirAuthorization.expires_in", "integer", "is not a whole number")


def _context(context: dict[str, Any], hook: str) -> Walk:
    for key in _CONTEXTS.get(hook, ()):
        if key not in context:
            yield Problem(f"context.{key}", "required", f"is needed by {hook}")
    for key in ("patientId", "encounterId"):
        if key not in context:
            continue
        yield from text(context, "context", key, required=True)
        value = context[key]
        if isinstance(value, str) and value and not FHIR_ID.fullmatch(value):
            yield Problem(f"context.{key}", "id", "is not the id of a resource alone")
    user = context.get("userId")
    if user is not None:
        kind, _, name = user.partition("/") if isinstance(user, str) else ("", "", "")
        if kind not in _USERS or not FHIR_ID.fullmatch(name):
            yield Problem("context.userId", "reference", "is not a reference to a user")
    selections = context.get("selections", [])
    if not isinstance(selections, list):
        yield Problem("context.selections", "array", "is not a list")
        selections = []
    for index, one in enumerate(selections):
        kind, _, name = one.partition("/") if isinstance(one, str) else ("", "", "")
        if not kind or not FHIR_ID.fullmatch(name):
            yield Problem(f"context.selections[{index}]", "ord-1", "is not TYPE/ID")
    if "draftOrders" in context:
        yield from bundle_problems(context["draftOrders"], "context.draftOrders")


def _response(told: dict[str, Any]) -> Walk:
    for where, card in listed(told, "", "cards", required=True):
        yield from _card(card, where)
    for where, action in listed(told, "", "systemActions"):
        yield from _action(action, where, described=False)
    yield from _extension(told, "")


def _card(card: dict[str, Any], where: str) -> Walk:
    yield from text(card, where, "summary", required=True)
    summary = card.get("summary")
    if isinstance(summary, str) and len(summary) >= _SUMMARY:
        yield Problem(at(where, "summary"), "length", "does not have fewer than 140 characters")
    yield from text(card, where, "detail")
    yield from _one_of(card, where, "indicator", _INDICATORS)
    if "uuid" in card and not (isinstance(card["uuid"], str) and is_uuid(card["uuid"])):
        yield Problem(at(where, "uuid"), "uuid", "is not a UUID")
    yield from _source(card, where)
    suggestions = list(listed(card, where, "suggestions"))
    for place, one in suggestions:
        yield from _suggestion(one, place)
    if suggestions or "selectionBehavior" in card:
        yield from _one_of(card, where, "selectionBehavior", ("at-most-one", "any"))
    recommended = [one for _, one in suggestions if one.get("isRecommended") is True]
    if len(recommended) > 1 and card.get("selectionBehavior") == "at-most-one":
        yield Problem(at(where, "suggestions"), "recommended", "recommends more than one")
    for place, one in listed(card, where, "overrideReasons"):
        for key in ("code", "system", "display"):
            yield from text(one, place, key, required=key != "system")
    for place, link in listed(card, where, "links"):
        yield from _link(link, place)
    yield from _extension(card, where)


def _source(card: dict[str, Any], where: str) -> Walk:
    place = at(where, "source")
    yield from content(card, where, "source", required=True)
    source = card.get("source")
    if not isinstance(source, dict):
        return
    yield from text(source, place, "label", required=True)
    yield from _url(source, place, "url")
    yield from _url(source, place, "icon")
    yield from content(source, place, "topic")
    topic = source.get("topic")
    if isinstance(topic, dict):
        yield from text(topic, at(place, "topic"), "code", required=True)


def _suggestion(one: dict[str, Any], where: str) -> Walk:
    yield from text(one, where, "label", required=True)
    if "uuid" in one and not (isinstance(one["uuid"], str) and is_uuid(one["uuid"])):
        yield Problem(at(where, "uuid"), "uuid", "is not a UUID")
    if type(one.get("isRecommended", False)) is not bool:
        yield Problem(at(where, "isRecommended"), "boolean", "is not true or false")
    for place, action in listed(one, where, "actions"):
        yield from _action(action, place, described=True)


def _action(action: dict[str, Any], where: str, *, described: bool) -> Walk:
    yield from _one_of(action, where, "type", _ACTIONS)
    yield from text(action, where, "description", required=described)
    kind = action.get("type")
    if kind in ("create", "update"):
        if "resource" not in action:
            yield Problem(at(where, "resource"), "required", f"is needed to {kind}")
        else:
            yield from resource_problems(action["resource"], at(where, "resource"))
            resource = action["resource"]
            if kind == "update" and isinstance(resource, dict) and not resource.get("id"):
                yield Problem(at(where, "resource.id"), "required", "is needed to update")
    if kind == "delete" and "resourceId" not in action:
        yield Problem(at(where, "resourceId"), "required", "is needed to delete")


def _link(link: dict[str, Any], where: str) -> Walk:
    yield from text(link, where, "label", required=True)
    yield from _url(link, where, "url", required=True)
    yield from _one_of(link, where, "type", ("absolute", "smart"))
    if "appContext" in link and link.get("type") != "smart":
        yield Problem(at(where, "appContext"), "smart", "belongs to a link of type smart")


def _feedback(told: dict[str, Any]) -> Walk:
    entries = list(listed(told, "", "feedback", required=True))
    if told.get("feedback") == []:
        yield Problem("feedback", "content", "is empty")
    for where, one in entries:
        card = one.get("card")
        if not (isinstance(card, str) and is_uuid(card)):
            yield Problem(at(where, "card"), "uuid", "is not a UUID")
        yield from _one_of(one, where, "outcome", ("accepted", "overridden"))
        yield from _moment(one, where)
        for place, taken in listed(one, where, "acceptedSuggestions"):
            yield from text(taken, place, "id", required=True)
        outcome = one.get("outcome")
        if outcome == "overridden" and one.get("acceptedSuggestions"):
            yield Problem(at(where, "acceptedSuggestions"), "outcome", "belongs to accepted")
        yield from content(one, where, "overrideReason")
        override = one.get("overrideReason")
        if isinstance(override, dict):
            yield from text(override, at(where, "overrideReason"), "userComment")
            yield from content(override, at(where, "overrideReason"), "reason")


def _moment(one: dict[str, Any], where: str) -> Walk:
    place = at(where, "outcomeTimestamp")
    try:
        read_instant(str(one.get("outcomeTimestamp")), place)
    except BedsideError:
        yield Problem(place, "instant", "is not a time with a zone")


def _one_of(told: Mapping[str, Any], where: str, key: str, known: tuple[str, ...]) -> Walk:
    if key not in told:
        yield Problem(at(where, key), "required", "is not given")
    elif told[key] not in known:
        yield Problem(at(where, key), "code", f"is none of: {', '.join(known)}")


def _url(told: Mapping[str, Any], where: str, key: str, *, required: bool = False) -> Walk:
    if key not in told:
        if required:
            yield Problem(at(where, key), "required", "is not given")
        return
    value = told[key]
    scheme, _, rest = value.partition("://") if isinstance(value, str) else ("", "", "")
    if scheme not in ("http", "https") or not rest or not _is_address(f"https://{rest}"):
        yield Problem(at(where, key), "url", "is not an absolute URL")


def _is_address(address: str) -> bool:
    try:
        WebAddress.read(address.partition("#")[0], what="It")
    except BedsideError:
        return False
    return True


def _extension(told: Mapping[str, Any], where: str) -> Iterator[Problem]:
    """An extension is any object; its members are whoever's who made it."""
    yield from content(told, where, "extension")
