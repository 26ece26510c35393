"""What must hold of an AuditEvent beyond its structure: required bindings, and BALP's profiles.

Source: HL7 FHIR R4 (4.0.1), value sets audit-event-action, audit-event-outcome and network-type;
IHE BALP 1.1, the profiles named in `audit_event`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bedside.interop.fhir_out.audit_event import BALP, DCM

__all__ = ["audit_faults"]

_ACTIONS, _OUTCOMES = frozenset("CRUDE"), frozenset({"0", "4", "8", "12"})
_NETWORKS, _DATA_ROLES = frozenset("12345"), frozenset({"3", "4", "20"})
_EXPECTED = {  # profile: action, interaction, type of the client, type of the server
    "Create": ("C", "create", "110153", "110152"),
    "Read": ("R", "read", "110152", "110153"),
    "Update": ("U", "update", "110153", "110152"),
    "Delete": ("D", "delete", "110150", "custodian"),
    "Query": ("E", "search", "110153", "110152"),
}
_USERS = {"Read": {"IRCP"}, "Query": {"IRCP"}}
_AUTHORS = {"AUT", "INF", "CST"}

Resource = Mapping[str, Any]


def audit_faults(event: Resource) -> list[str]:
    """What is wrong with an AuditEvent, each in a sentence that holds no value of it."""
    found = list(_bindings(event))
    for profile in (event.get("meta") or {}).get("profile", []):
        name = profile.removeprefix(BALP)
        if name == "PrivacyDisclosure.Source":
            found += _disclosure(event)
        elif name.removeprefix("Patient") in _EXPECTED:
            found += _rest(event, name)
        else:
            found.append("AuditEvent.meta.profile is none that is known here.")
    return found


def _bindings(event: Resource) -> Iterator[str]:
    if event.get("action") not in _ACTIONS:
        yield "AuditEvent.action is not in its value set."
    if event.get("outcome") not in _OUTCOMES:
        yield "AuditEvent.outcome is not in its value set."
    agents = event.get("agent") or []
    if sum(bool(one.get("requestor")) for one in agents) != 1:
        yield "AuditEvent.agent has not exactly one who asked."
    for one in agents:
        if (one.get("network") or {}).get("type", "5") not in _NETWORKS:
            yield "AuditEvent.agent.network.type is not in its value set."
    for one in event.get("entity") or []:
        if one.get("name") and one.get("query"):
            yield "AuditEvent.entity has both a name and a query (sev-1)."
    if not (event.get("source") or {}).get("observer"):
        yield "AuditEvent.source has no observer."


def _rest(event: Resource, name: str) -> Iterator[str]:
    plain = name.removeprefix("Patient")
    action, interaction, client, server = _EXPECTED[plain]
    if event.get("action") != action or event.get("outcome") != "0":
        yield f"{name}: the action or the outcome is another."
    if event["type"].get("code") != "rest":
        yield f"{name}: it is not a restful operation."
    subtypes = [one.get("code") for one in event.get("subtype", [])]
    if interaction not in subtypes or (plain == "Delete" and len(subtypes) != 1):
        yield f"{name}: its subtype is not the interaction."
    for code in (client, server):
        yield from _one_agent(event, code, name)
    users = {_code(one) for one in event["agent"] if one.get("requestor")}
    if not users <= _USERS.get(plain, _AUTHORS):
        yield f"{name}: who asked is of another type."
    if any(one.get("network") for one in event["agent"] if one.get("requestor")):
        yield f"{name}: a person has no network."
    yield from _entities(event, name)


def _entities(event: Resource, name: str) -> Iterator[str]:
    entities = event.get("entity") or []
    things = [one for one in entities if one["type"].get("code") == "2"]
    if len(things) != 1:
        yield f"{name}: not exactly one object."
    if name.endswith("Query"):
        if any(not one.get("query") or one.get("what") or one.get("detail") for one in things):
            yield f"{name}: the object is no query."
    elif any(one["role"].get("code") not in _DATA_ROLES or not one.get("what") for one in things):
        yield f"{name}: the object has no role or no identity."
    if name == "Delete" and any(one.get("detail") for one in things):
        yield f"{name}: the object has details."
    yield from _patient(entities, name, wanted=name.startswith("Patient"))


def _disclosure(event: Resource) -> Iterator[str]:
    name = "PrivacyDisclosure.Source"
    if (event["type"].get("system"), event["type"].get("code")) != (DCM, "110106"):
        yield f"{name}: it is no export."
    if event.get("action") != "R":
        yield f"{name}: the action is another."
    if "disclose" not in [one.get("code") for one in event.get("subtype", [])]:
        yield f"{name}: its subtype does not say that it discloses."
    for code in ("110153", "110152"):
        yield from _one_agent(event, code, name)
    sources = [one.get("who") for one in event["agent"] if _code(one) == "110153"]
    if sources != [event["source"]["observer"]]:
        yield f"{name}: the source is not who observed it (val-audit-source)."
    entities = event.get("entity") or []
    if len(entities) < 2:
        yield f"{name}: no data are named."
    yield from _patient(entities, name, wanted=True)


def _one_agent(event: Resource, code: str, name: str) -> Iterator[str]:
    found = [one for one in event["agent"] if _code(one) == code]
    if len(found) != 1 or not found[0].get("who") or not found[0].get("network"):
        yield f"{name}: not exactly one agent {code} with its network."


def _patient(entities: list[Resource], name: str, *, wanted: bool) -> Iterator[str]:
    patients = [one for one in entities if one["type"].get("code") == "1"]
    if len(patients) != wanted:
        yield f"{name}: not exactly {int(wanted)} patient."
    for one in patients:
        what = one.get("what") or {}
        if what.get("type") != "Patient" or one["role"].get("code") != "1":
            yield f"{name}: the patient refers to no Patient."
        if set(what) - {"type", "identifier"} or one.get("name") or one.get("description"):
            yield f"{name}: the patient is more than a pseudonym."


def _code(agent: Resource) -> str:
    return str(agent["type"]["coding"][0]["code"])
