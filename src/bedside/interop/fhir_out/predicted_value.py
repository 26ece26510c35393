"""A predicted number as an Observation that nobody can take for a measured one.

Source: HL7 FHIR R4 (4.0.1), Observation.
"""

from typing import Any

from bedside.interop.fhir_out.narrative import notes, rationale, text_of
from bedside.interop.fhir_out.risk_assessment import method_of
from bedside.interop.fhir_out.systems import (
    MODELS,
    URIS,
    concept,
    labelled,
    moment,
    prediction_uri,
)
from bedside.interop.fhir_out.told import Told
from bedside.interop.predicted import outcome_label, value_unit

__all__ = ["predicted_value"]


def predicted_value(told: Told, *, device: str) -> dict[str, Any]:
    """The resource; `device` is the reference of the Device that made it.

    Its code is the model's own: the code of what is predicted would make it a measurement. Bounds,
    where there are any, are components.
    """
    answer, score = told.answer, told.score
    label = outcome_label(told.declaration) or told.declaration.title
    unit = value_unit(told.declaration)
    made: dict[str, Any] = {
        "resourceType": "Observation",
        "meta": labelled(),
        "text": text_of(told),
        "identifier": [{"system": URIS, "value": prediction_uri(answer.prediction_id)}],
        "status": "final",
        "code": concept(MODELS, answer.model, told.declaration.title, text=f"Predicted {label}"),
        "subject": {"reference": f"Patient/{told.subject.patient}"},
    }
    if told.subject.encounter is not None:
        made["encounter"] = {"reference": f"Encounter/{told.subject.encounter}"}
    made |= {
        "effectiveDateTime": moment(answer.as_of),
        "issued": moment(told.recorded),
        "valueQuantity": _quantity(score.risk, unit),
        "method": method_of(told),
        "device": {"reference": device},
        "note": [{"text": line} for line in (rationale(told), *notes(told)) if line],
    }
    if observed := [one for one in told.sources if one.startswith("Observation/")]:
        made["derivedFrom"] = [{"reference": one} for one in observed]
    bounds = {"lower bound": score.low, "upper bound": score.high}
    if components := [
        {
            "code": concept(
                MODELS, f"{answer.model}-{name[:5]}", text=f"Predicted {label}, {name}"
            ),
            "valueQuantity": _quantity(bound, unit),
        }
        for name, bound in bounds.items()
        if bound is not None
    ]:
        made["component"] = components
    if score.alert:
        made["interpretation"] = [
            concept(
                "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
                "A",
                "Abnormal",
                text="at or above the alert threshold",
            )
        ]
    return made


def _quantity(value: float, unit: str | None) -> dict[str, Any]:
    code = unit or "1"
    return {
        "value": value, "unit": code, "system": "http://unitsofmeasure.org", "code": code
    }  # fmt: skip
