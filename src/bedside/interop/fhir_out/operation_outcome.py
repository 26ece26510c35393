"""What is said where there is no score: why the model abstained, withholds, failed or was misasked.

Source: HL7 FHIR R4 (4.0.1), OperationOutcome and its value set IssueType.
"""

from collections.abc import Mapping
from typing import Any

from bedside.core.records.answer import Abstention, AbstentionReason, Answer, Failure
from bedside.interop.fhir_out.systems import OUTCOMES, URIS, concept, prediction_uri

__all__ = ["abstained", "failed", "outcome", "refusal", "withheld"]

_WHY = {
    AbstentionReason.MISSING: "incomplete",
    AbstentionReason.STALE: "incomplete",
    AbstentionReason.OUT_OF_RANGE: "business-rule",
    AbstentionReason.NOT_ELIGIBLE: "business-rule",
    AbstentionReason.OUT_OF_DOMAIN: "business-rule",
    AbstentionReason.SUSPENDED: "business-rule",
}
_ISSUES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    408: "timeout",
    409: "conflict",
    413: "too-long",
    415: "structure",
    429: "throttled",
    503: "transient",
}


def outcome(severity: str, code: str, detail: str, text: str) -> dict[str, Any]:
    """An OperationOutcome with one issue.

    >>> outcome("error", "invalid", "wrong_unit", "The unit is wrong.")["issue"][0]["code"]
    'invalid'
    """
    issue = {
        "severity": severity,
        "code": code,
        "details": concept(OUTCOMES, detail, text=text),
        "diagnostics": text,
    }
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def abstained(answer: Answer, why: Abstention) -> dict[str, Any]:
    """There is no score, for a reason that is nobody's fault: information, coded."""
    text = f"No score was given. {why.text}"
    told = outcome("information", _WHY[why.reason], f"abstention-{why.reason}", text)
    return _traced(told, answer)


def withheld(answer: Answer) -> dict[str, Any]:
    """An answer was made, is in the ledger, and is shown to nobody; nothing else is told of it."""
    text = (
        "An answer was made and recorded, and is withheld: this patient is not shown the model's "
        "answers at its present stage."
    )
    return _traced(outcome("information", "suppressed", "withheld", text), answer)


def failed(answer: Answer, why: Failure) -> dict[str, Any]:
    """The model is broken: an error."""
    code = "timeout" if why.code == "timeout" else "exception"
    return _traced(outcome("error", code, f"failure-{why.code}", why.text), answer)


def refusal(told: Mapping[str, Any], status: int) -> dict[str, Any]:
    """An error that is no answer: misasked, not allowed, not there, not possible now.

    Args:
        told: `error` and `code`, as the other wires say it.
        status: Of the HTTP response.
    """
    code = _ISSUES.get(status, "exception" if status >= 500 else "processing")
    return outcome("error", code, str(told["code"]), str(told["error"]))


def _traced(told: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """With what finds the ledger entry."""
    tag = {"system": URIS, "code": prediction_uri(answer.prediction_id)}
    return {
        "resourceType": "OperationOutcome",
        "meta": {"tag": [tag]},
        "issue": told["issue"],
    }
