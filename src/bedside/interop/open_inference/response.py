"""An answer as an inference response; a failure or an error as its body and HTTP status.

Source: Open Inference Protocol v2, "Inference Response JSON Object" and "... Error JSON Object".
"""

from collections.abc import Collection
from typing import Any

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable
from bedside.core.records.answer import Abstention, Answer, Failure, Reason, Score
from bedside.core.records.declaration import Declaration
from bedside.interop.predicted import value_unit
from bedside.interop.score_words import sureness, verdict

__all__ = ["error_body", "failure_body", "only", "response_of", "status_of", "withheld_response"]

_STATUS: dict[type[BedsideError], int] = {
    Invalid: 400,
    NotFound: 404,
    Refused: 403,
    Unavailable: 503,
}


def status_of(error: BedsideError) -> int:
    """The HTTP status of one of the four kinds of error.

    >>> status_of(Refused("It is not approved.", fix="approve it."))
    403
    """
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)


def error_body(error: BedsideError) -> dict[str, str]:
    """`{"error": …, "code": …}`."""
    return {"error": str(error), "code": error.code}


def failure_body(answer: Answer, failure: Failure) -> dict[str, str]:
    """A failure, for HTTP status 500."""
    return {
        "error": failure.text,
        "code": failure.code,
        "prediction_id": answer.prediction_id,
        "version": answer.version,
    }


def response_of(
    answer: Answer,
    outcome: Score | Abstention,
    declaration: Declaration,
    *,
    request_id: str | None = None,
) -> dict[str, Any]:
    """A score or an abstention, in the tensors of `metadata.outputs_of`.

    The tensor `outcome` is always there; the others only for a score.
    """
    if isinstance(outcome, Abstention):
        parameters = {
            "reason": str(outcome.reason),
            "signal": outcome.signal,
            "text": outcome.text,
        }
        return _body(answer, request_id, [_tensor("outcome", "BYTES", "abstention")], parameters)
    is_number = declaration.question.outcome.kind == "regression"
    outputs = [
        _tensor("outcome", "BYTES", "score"),
        _tensor("value" if is_number else "risk", "FP64", outcome.risk),
        _tensor("alert", "BOOL", outcome.alert),
    ]
    if is_number:
        outputs[1]["parameters"] = {"unit": value_unit(declaration)}
    if outcome.outputs:
        names, values = zip(*outcome.outputs, strict=True)
        outputs.append(_tensor("outputs", "FP64", *values) | {"parameters": {"names": list(names)}})
    return _body(
        answer,
        request_id,
        outputs,
        {
            "threshold": outcome.threshold,
            "text": verdict(outcome, declaration),
            "reasons": [_told(each) for each in outcome.reasons],
            "notes": list(outcome.notes),
            **_sureness(outcome, declaration),
        },
    )


def _sureness(score: Score, declaration: Declaration) -> dict[str, Any]:
    """How sure the score is, in numbers and in a sentence; empty where nothing is declared."""
    told: dict[str, Any] = {}
    if score.low is not None and score.high is not None:
        told |= {"low": score.low, "high": score.high}
    if score.likely is not None:
        told["likely"] = list(score.likely)
    if not told:
        return {}
    coverage = declaration.uncertainty.coverage
    told |= {} if coverage is None else {"coverage": coverage}
    return {"uncertainty": told | {"text": sureness(score, declaration)}}


def _told(reason: Reason) -> dict[str, Any]:
    """A reason without the digests that lead to its raw records: those stay in the ledger."""
    return {
        "feature": reason.feature,
        "text": reason.text,
        "contribution": reason.contribution,
        "measured_at": reason.measured_at,
        "sources": [{"code": each.code, "time": each.time} for each in reason.sources],
        "source_count": reason.source_count,
    }


def only(response: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The response with the requested output tensors alone.

    Where it has none of them, as when a risk is requested and the model abstains, `outcome` says
    what became of the request: a response is never empty.

    >>> score = {"outputs": [{"name": "outcome"}, {"name": "risk"}, {"name": "alert"}]}
    >>> only(score, ["risk"]), only({"outputs": [{"name": "outcome"}]}, ["risk"])
    ({'outputs': [{'name': 'risk'}]}, {'outputs': [{'name': 'outcome'}]})
    """
    kept = [each for each in response["outputs"] if each["name"] in names]
    first = [each for each in response["outputs"] if each["name"] == "outcome"]
    return response | {"outputs": kept or first}


def withheld_response(answer: Answer, *, request_id: str | None = None) -> dict[str, Any]:
    """The answer is in the ledger, and the model is in silent mode: say so, and nothing else."""
    outputs = [_tensor("outcome", "BYTES", "withheld")]
    return _body(answer, request_id, outputs, {"reason": "silent mode"})


def _tensor(name: str, datatype: str, *values: object) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(values)], "data": list(values)}


def _body(
    answer: Answer,
    request_id: str | None,
    outputs: list[dict[str, Any]],
    parameters: dict[str, Any],
) -> dict[str, Any]:
    traced = {
        "prediction_id": answer.prediction_id,
        "version": answer.version,
        "stage": answer.stage,
        "as_of": answer.as_of,
    }
    body: dict[str, Any] = {
        "model_name": answer.model,
        "model_version": answer.version,
        "outputs": outputs,
        "parameters": traced | parameters,
    }
    if request_id is not None:
        body["id"] = request_id
    return body
