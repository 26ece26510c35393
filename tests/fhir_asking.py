"""A model that speaks FHIR, calls of `$predict`, and another's judgement of what comes out."""

from functools import cache
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

from bedside.core.records.declaration import Channels, Declaration
from bedside.core.records.fhir_channel import Fhir, OutcomeCode
from bedside.core.records.question import Question, TimeAtRisk
from served import (
    HttpClient,
    a_declaration,
    a_fhir_patient,
    a_search,
    a_served_model,
    an_encounter,
    an_observation,
    app_for,
)

__all__ = [
    "SEPSIS",
    "a_call",
    "a_fhir_client",
    "a_fhir_declaration",
    "the_usual",
    "validated",
]

SEPSIS = OutcomeCode(system="http://snomed.info/sct", code="91302008", display="Sepsis (disorder)")
WITHIN_6_H = Question(
    ask="sepsis within 6 h",
    predicates={},
    trigger="hour",
    time_at_risk=TimeAtRisk(outcome="sepsis", end="6 h"),
)


def a_fhir_declaration(**changes: Any) -> Declaration:
    parts: dict[str, Any] = {
        "channels": Channels(fhir=Fhir(outcome=SEPSIS, manufacturer="Ward 7")),
        "question": WITHIN_6_H,
    }
    return a_declaration(**(parts | changes))


@cache
def _compiled() -> None:
    """The first score of a process waits for a compiler, longer than a server would."""
    a_served_model(declaration=a_fhir_declaration()).answerer.warm_up()


def a_fhir_client(**parts: Any) -> HttpClient:
    _compiled()
    parts.setdefault("declaration", a_fhir_declaration())
    return HttpClient(app_for(a_served_model(**parts).answerer))


def the_usual() -> list[dict[str, Any]]:
    """A patient, her stay, a lactate and a heart rate."""
    return [
        a_fhir_patient(),
        an_encounter(),
        an_observation("2524-7", 4.2, "mmol/L"),
        an_observation("8867-4", 118, "/min"),
    ]


def a_call(*resources: Any, **values: str) -> dict[str, Any]:
    """A Parameters resource; `asOf` is a dateTime, all else strings."""
    values = {"model": "sepsis"} | values
    told = [
        {"name": name, ("valueDateTime" if name == "asOf" else "valueString"): text}
        for name, text in values.items()
    ]
    sent = [{"name": "resource", "resource": one} for one in resources or [a_search(*the_usual())]]
    return {"resourceType": "Parameters", "parameter": [*told, *sent]}


def validated(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource, once fhir.resources finds its structure sound, and that of each entry."""
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    for entry in resource.get("entry", []):
        validated(entry["resource"])
    return resource
