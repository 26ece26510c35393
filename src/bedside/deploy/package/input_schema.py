"""What may be asked of a model, as a JSON Schema of the body of an inference request.

It is stricter than the server: what it accepts, the server scores or tells why not; what it refuses
for a missing or an implausible value, the server answers with an abstention or a note.
Source: JSON Schema 2020-12; Open Inference Protocol v2; UCUM.
"""

from typing import Any
from urllib.parse import quote

from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Declaration
from bedside.core.units import display
from bedside.features.definition import FeatureSet
from bedside.features.inputs import as_served
from bedside.interop.asked import category_labels
from bedside.interop.open_inference.metadata import Input, inputs_of

__all__ = ["input_schema"]

_INSTANT = {"type": "string", "format": "date-time"}


def input_schema(declaration: Declaration, features: FeatureSet) -> bytes:
    """`input_schema.json`.

    Each input has its code and unit, its plausible range in that unit, its categories, and whether
    a score needs it; `x-` marks what JSON Schema has no word for.

    Args:
        declaration: The model, as it was declared.
        features: Of its bundle, which say what was learnt in the place of what was left open.
    """
    inputs = inputs_of(as_served(declaration, features))
    required = [name for name, one in inputs.items() if one.signal and one.signal.required]
    asked: dict[str, Any] = {
        "type": "array",
        "items": {"oneOf": [{"$ref": f"#/$defs/{_pointer(name)}"} for name in inputs]},
        "maxItems": len(inputs),
    }
    if required:
        asked["allOf"] = [
            {"contains": {"properties": {"name": {"const": name}}, "required": ["name"]}}
            for name in required
        ]
    return canonical_json(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"What {declaration.name} is asked: {declaration.title}",
            "description": f"The body of POST /v2/models/{declaration.name}/infer.",
            "type": "object",
            "required": ["inputs"],
            "properties": {
                "id": {"type": "string", "description": "of the request; answered once"},
                "parameters": {
                    "type": "object",
                    "properties": {
                        "as_of": {**_INSTANT, "description": "the moment of the question"},
                        "subject": {"type": ["string", "integer"]},
                    },
                    "additionalProperties": False,
                },
                "inputs": asked,
            },
            "$defs": {name: _tensor(one) for name, one in inputs.items()},
        }
    )


def _tensor(asked: Input) -> dict[str, Any]:
    signal = asked.signal
    value: dict[str, Any] = {"type": "boolean", "const": True}
    if asked.datatype == "BYTES" and signal is not None:
        value = {"type": "string"}
        if not signal.learn_categories:
            value["enum"] = list(category_labels(signal))
    elif asked.datatype == "FP64":
        value = {"type": "number"}
        if signal is not None and signal.plausible:
            value |= {"minimum": signal.plausible[0], "maximum": signal.plausible[1]}
    needed = ["name", "shape", "datatype", "data"] + (["parameters"] if signal is None else [])
    told: dict[str, Any] = {
        "title": asked.label,
        "type": "object",
        "required": needed,
        "properties": {
            "name": {"const": asked.name},
            "datatype": {"const": asked.datatype},
            "shape": {
                "type": "array",
                "items": {"type": "integer", "minimum": 0},
                "minItems": 1,
                "maxItems": 1,
            },
            "data": {"type": "array", "items": value, "minItems": 1},
            "parameters": _parameters(asked),
        },
        "x-code": asked.code,
        "x-required": bool(signal and signal.required),
    }
    if signal is not None:
        told["x-codes"] = list(signal.codes)
        told |= {"x-unit": signal.unit, "x-unit-text": display(signal.unit)} if signal.unit else {}
        told |= {"x-stale-after": signal.stale_after} if signal.stale_after else {}
        told |= {"x-normal": signal.normal} if signal.normal is not None else {}
        told |= {"x-categories": list(category_labels(signal))} if signal.is_categorical else {}
    return told


def _parameters(asked: Input) -> dict[str, Any]:
    """When each value was measured and could be seen, and the unit."""
    times = {"type": "array", "items": _INSTANT}
    ends = {"type": "array", "items": {"anyOf": [_INSTANT, {"type": "null"}]}}
    properties: dict[str, Any] = {"times": times, "known_at": times, "ends": ends}
    if asked.signal is not None and asked.signal.unit and asked.datatype == "FP64":
        properties["unit"] = {"const": asked.signal.unit}
    told: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "dependentRequired": {"known_at": ["times"], "ends": ["times"]},
    }
    return told | ({"required": ["times"]} if asked.signal is None else {})


def _pointer(name: str) -> str:
    """A name inside a JSON pointer in a URI fragment (RFC 6901)."""
    return quote(name.replace("~", "~0").replace("/", "~1"))
