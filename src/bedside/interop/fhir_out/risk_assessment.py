"""A score as a RiskAssessment: one prediction, or one for each horizon or level.

Source: HL7 FHIR R4 (4.0.1), RiskAssessment.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from bedside.core.clock import parse_duration
from bedside.interop.fhir_out.horizon import counted_span, period
from bedside.interop.fhir_out.narrative import notes, rationale, text_of
from bedside.interop.fhir_out.systems import (
    MODELS,
    URIS,
    concept,
    labelled,
    moment,
    prediction_uri,
)
from bedside.interop.fhir_out.told import Told
from bedside.interop.predicted import outcome_label
from bedside.interop.score_words import percent

__all__ = ["method_of", "probability", "risk_assessment"]

_RISK = "http://terminology.hl7.org/CodeSystem/risk-probability"


def risk_assessment(told: Told, *, device: str) -> dict[str, Any]:
    """The resource; `device` is the reference of the Device that made it."""
    answer = told.answer
    made: dict[str, Any] = {
        "resourceType": "RiskAssessment",
        "meta": labelled(),
        "text": text_of(told),
        "identifier": [{"system": URIS, "value": prediction_uri(answer.prediction_id)}],
        "status": "final",
        "method": method_of(told),
        "subject": {"reference": f"Patient/{told.subject.patient}"},
    }
    if told.subject.encounter is not None:
        made["encounter"] = {"reference": f"Encounter/{told.subject.encounter}"}
    made["occurrenceDateTime"] = moment(answer.as_of)
    made["performer"] = {"reference": device}
    if told.sources:
        made["basis"] = [{"reference": one} for one in told.sources]
    made["prediction"] = list(_predictions(told))
    made["note"] = [{"text": line} for line in notes(told)]
    return made


def method_of(told: Told) -> dict[str, Any]:
    """The model and its version, as a coded method."""
    made = concept(MODELS, told.answer.model, told.declaration.title)
    made["coding"][0]["version"] = told.answer.version
    return made


def probability(risk: float) -> float:
    """A risk in [0, 1] as `probabilityDecimal`: in per cent, with six decimals.

    FHIR R4 says in the comment on `RiskAssessment.prediction.probability[x]` that "Decimal values
    are expressed as percentages as well (max = 100)", and its rule ras-2 bounds it by 100. A reader
    who takes it for a fraction is put right by the words beside it.

    >>> probability(0.312), probability(1.0)
    (31.2, 100.0)
    """
    return round(risk * 100, 6)


def _predictions(told: Told) -> Iterator[dict[str, Any]]:
    outcome, score = told.declaration.question.outcome, told.score
    if outcome.kind == "survival":
        for horizon, risk in score.outputs:
            when = period(told.answer.as_of, (timedelta(0), parse_duration(horizon)))
            alerts = horizon == outcome.horizons[-1]
            yield _one(told, _what(told), risk, when, alerts=alerts)
        return
    span = counted_span(told.declaration.question)
    within = None if span is None else period(told.answer.as_of, span)
    if outcome.kind in ("multiclass", "ordinal"):
        for level, chance in score.outputs:
            yield _one(told, {"text": level}, chance, within, alerts=False)
    else:
        yield _one(told, _what(told), score.risk, within, alerts=True)


def _one(
    told: Told, what: dict[str, Any], risk: float, when: dict[str, str] | None, *, alerts: bool
) -> dict[str, Any]:
    """One prediction; it says high or low where it is the one that is held to the threshold."""
    made: dict[str, Any] = {"outcome": what, "probabilityDecimal": probability(risk)}
    score = told.score
    if alerts and score.threshold is not None:
        code, side = ("high", "at or above") if score.alert else ("low", "below")
        text = f"{side} the alert threshold of {percent(score.threshold, digits=1)}"
        made["qualitativeRisk"] = concept(
            _RISK, code, "High likelihood" if score.alert else "Low likelihood", text=text
        )
    if when is not None:
        made["whenPeriod"] = when
    why = rationale(told)
    made["rationale"] = percent(risk, digits=1) + (f", because of: {why}" if why else "")
    return made


def _what(told: Told) -> dict[str, Any]:
    """What is predicted, coded where the channel declares a code."""
    label = outcome_label(told.declaration) or told.declaration.title
    coded = told.channel.outcome
    if coded is None:
        return {"text": label}
    return concept(coded.system, coded.code, coded.display, text=label)
