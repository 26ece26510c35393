"""What goes to and comes from one model, as JSON Schemas for whoever writes a client.

They say what the wire reads. A value outside its plausible range is read as well, and set aside, so
the range is told as `x-plausible` and is no bound.
Source: JSON Schema 2020-12; Open Inference Protocol v2; UCUM.
"""

from typing import Any

from bedside.core.records.declaration import Declaration
from bedside.interop.asked import category_labels
from bedside.interop.open_inference.metadata import Input, inputs_of, outputs_of

__all__ = ["example_request", "request_schema", "response_schema"]

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_INSTANT: Schema = {"type": "string", "format": "date-time"}
_JSON_TYPE = {"FP64": "number", "BYTES": "string", "BOOL": "boolean"}


def request_schema(declaration: Declaration) -> Schema:
    """Of the body of an inference request: each input by its name, with its unit and range."""
    outputs = [each["name"] for each in outputs_of(declaration)]
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": _TEXT | {"description": "Of the request; asked again with it, answered once."},
            "parameters": {
                "type": "object",
                "properties": {
                    "as_of": _INSTANT | {"description": "The moment of the question; else now."},
                    "subject": {"type": ["string", "integer"], "description": "The patient."},
                    "pseudonym": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
                    "reasons": {"type": "boolean", "default": True},
                },
                "additionalProperties": False,
            },
            "inputs": {
                "type": "array",
                "items": {"oneOf": [_input(each) for each in inputs_of(declaration).values()]},
            },
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"enum": outputs}},
                },
            },
        },
    }


def response_schema(declaration: Declaration) -> Schema:
    """Of the body of an answer."""
    return {
        "type": "object",
        "required": ["model_name", "model_version", "outputs", "parameters"],
        "properties": {
            "model_name": {"const": declaration.name},
            "model_version": _TEXT,
            "id": _TEXT,
            "outputs": {
                "type": "array",
                "minItems": 1,
                "items": {"oneOf": [_output(each) for each in outputs_of(declaration)]},
            },
            "parameters": {
                "type": "object",
                "required": ["prediction_id", "version", "stage", "as_of"],
                "properties": {
                    "prediction_id": {"type": "string", "format": "uuid"},
                    "version": _TEXT,
                    "stage": _TEXT,
                    "as_of": _INSTANT,
                    "text": _TEXT,
                    "reason": _TEXT | {"description": "Why there is no score."},
                    "threshold": {"type": ["number", "null"]},
                    "reasons": {"type": "array", "items": {"type": "object"}},
                },
            },
        },
    }


def example_request(declaration: Declaration) -> Schema:
    """A request with what the model requires, else with its first input; made-up values."""
    inputs = [each for each in inputs_of(declaration).values() if each.signal is not None]
    needed = [each for each in inputs if each.signal and each.signal.required] or inputs[:1]
    return {"inputs": [_example(each) for each in needed]}


def _example(asked: Input) -> Schema:
    value: Any = 1.0
    signal = asked.signal
    if signal is not None and signal.is_categorical:
        value = category_labels(signal)[0]
    elif signal is not None and signal.normal is not None:
        value = signal.normal
    elif signal is not None and signal.plausible is not None:
        value = round(sum(signal.plausible) / 2, 1)
    return {"name": asked.name, "datatype": asked.datatype, "shape": [1], "data": [value]}


def _input(asked: Input) -> Schema:
    signal = asked.signal
    value: Schema = {"type": _JSON_TYPE[asked.datatype]}
    if signal is None:
        value["const"] = True
    elif signal.is_categorical and not signal.learn_categories:
        value["examples"] = list(category_labels(signal))
    told = _tensor(asked.name, asked.datatype, value) | {"title": asked.label}
    told["properties"]["parameters"] = _times(required=signal is None)
    told["required"] += ["parameters"] if signal is None else []
    parameters = asked.as_json()["parameters"]
    return told | {f"x-{key.replace('_', '-')}": one for key, one in parameters.items()}


def _output(told: dict[str, Any]) -> Schema:
    value: Schema = {"type": _JSON_TYPE[told["datatype"]]}
    if told["name"] == "outcome":
        value["enum"] = ["score", "abstention", "withheld"]
    elif told["name"] == "risk":
        value |= {"minimum": 0, "maximum": 1}
    schema = _tensor(told["name"], told["datatype"], value)
    parameters = told.get("parameters", {})
    return schema | {f"x-{key}": one for key, one in parameters.items() if one is not None}


def _tensor(name: str, datatype: str, value: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"const": name},
            "datatype": {"const": datatype},
            "shape": {
                "type": "array",
                "items": {"type": "integer", "minimum": 0},
                "minItems": 1,
                "maxItems": 1,
            },
            "data": {"type": "array", "items": value},
        },
    }


def _times(*, required: bool) -> Schema:
    """When each value was measured, could be seen and ended, and its UCUM unit."""
    instants = {"type": "array", "items": _INSTANT}
    ends = {"type": "array", "items": {"anyOf": [_INSTANT, {"type": "null"}]}}
    told: Schema = {
        "type": "object",
        "properties": {"times": instants, "known_at": instants, "ends": ends, "unit": _TEXT},
        "additionalProperties": False,
    }
    return told | ({"required": ["times"]} if required else {})
