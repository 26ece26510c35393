"""What the benchmark of CDS Hooks asks: a declaration, and a call that is made up for it."""

import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from bedside.core.records.cds_hooks import CdsHooks
from bedside.core.records.declaration import (
    Channels,
    Clock,
    Declaration,
    Evaluation,
    IntendedUse,
    Signal,
    Source,
    Threshold,
)
from bedside.core.records.features import FeatureRule
from bedside.core.records.question import Question

__all__ = ["NOW", "VITALS", "call", "declaration"]

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
VITALS = {
    "heart_rate": ("8867-4", "Heart rate", "/min", 82.0, 14.0),
    "respiratory_rate": ("9279-1", "Respiratory rate", "/min", 17.0, 4.0),
    "temperature": ("8310-5", "Body temperature", "Cel", 37.1, 0.6),
    "systolic": ("8480-6", "Systolic blood pressure", "mm[Hg]", 122.0, 18.0),
    "diastolic": ("8462-4", "Diastolic blood pressure", "mm[Hg]", 71.0, 11.0),
    "lactate": ("2524-7", "Lactate in blood", "mmol/L", 1.8, 0.9),
    "creatinine": ("2160-0", "Creatinine in serum or plasma", "mg/dL", 1.1, 0.4),
    "potassium": ("2823-3", "Potassium in serum or plasma", "mmol/L", 4.2, 0.5),
    "sodium": ("2951-2", "Sodium in serum or plasma", "mmol/L", 139.0, 4.0),
    "leukocytes": ("6690-2", "Leukocytes in blood", "10*3/uL", 9.0, 3.0),
}


def declaration() -> Declaration:
    """Ten vital signs and laboratory results, thirty features over a day."""
    signals = {
        name: Signal(
            label=label.lower(),
            code=f"LOINC//{loinc}",
            column=name,
            unit=unit,
            visible_after="0 min",
            plausible=(-1000.0, 10000.0),
        )
        for name, (loinc, label, unit, _, _) in VITALS.items()
    }
    service = CdsHooks(id="watch", title="Watch", description="Risk of deterioration.")
    return Declaration(
        bedside=1,
        name="watch",
        title="Deterioration on the ward",
        intended_use=IntendedUse(decision="look", users=(), population="adults", not_for=()),
        data=Source(
            file="x.parquet",
            subject="id",
            clock=Clock(origin="2000-01-01T00:00:00Z"),
            licence="CC-BY-4.0",
            release_mode="limited_dataset",
        ),
        signals=signals,
        question=Question(ask="worse?", predicates={}, trigger="", windows={}),
        features=(
            FeatureRule(signals=tuple(VITALS), aggregates=("last", "max", "min"), windows=("24h",)),
        ),
        evaluation=Evaluation(threshold=Threshold(value=0.5)),
        channels=Channels(cds_hooks=service),
    )


def observation(draw: random.Random, number: int) -> dict[str, Any]:
    """One Observation as an EHR sends it: identifiers, category, display, both times."""
    name = draw.choice(list(VITALS))
    loinc, label, unit, mean, spread = VITALS[name]
    moment = NOW - timedelta(minutes=draw.randrange(5, 3 * 1440), seconds=draw.randrange(60))
    ucum = "http://unitsofmeasure.org"
    category = "http://terminology.hl7.org/CodeSystem/observation-category"
    return {
        "resourceType": "Observation",
        "id": str(uuid.UUID(int=draw.getrandbits(128))),
        "meta": {"versionId": "1", "lastUpdated": moment.isoformat()},
        "status": "final",
        "category": [{"coding": [{"system": category, "code": "vital-signs"}]}],
        "code": {
            "coding": [{"system": "http://loinc.org", "code": loinc, "display": label}],
            "text": label,
        },
        "subject": {"reference": "Patient/pat-1"},
        "encounter": {"reference": f"Encounter/{number % 3}"},
        "effectiveDateTime": moment.isoformat(),
        "issued": (moment + timedelta(minutes=4)).isoformat(timespec="milliseconds"),
        "valueQuantity": {
            "value": round(draw.gauss(mean, spread), 2),
            "unit": unit,
            "system": ucum,
            "code": unit,
        },
    }


def call(observations: int) -> bytes:
    """The body of a patient-view call, the same every time."""
    draw = random.Random(7)  # noqa: S311 - made-up data, the same every time
    entries = [
        {"fullUrl": f"https://ehr.example.org/fhir/Observation/{n}", "resource": one}
        for n, one in enumerate(observation(draw, n) for n in range(observations))
    ]
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": observations}
    body = {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/7", "patientId": "pat-1"},
        "prefetch": {"observations": bundle | {"entry": entries}},
    }
    return json.dumps(body, separators=(",", ":")).encode()
