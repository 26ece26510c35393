"""The body of `$predict`: a Parameters resource, read and checked.

Source: HL7 FHIR R4 (4.0.1), Parameters; "Operations: executing an operation".
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from bedside.core.errors import Invalid
from bedside.interop.fhir.resources import ABSENT, AnyResource, given
from bedside.interop.instants import read_instant
from bedside.interop.strict_json import decode, invalid

__all__ = ["LONGEST_ID", "PredictCall", "read_parameters"]

LONGEST_ID = 200
"""Characters of a request's own id."""
_MOST = 10_000  # resources that are given one by one


class _Parameter(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    name: str
    value_string: str | None = None
    value_code: str | None = None
    value_id: str | None = None
    value_date_time: str | None = None
    value_instant: str | None = None
    resource: msgspec.Raw = ABSENT


class _Parameters(msgspec.Struct, rename="camel", frozen=True):
    resource_type: str
    parameter: tuple[_Parameter, ...] = ()


_PARAMETERS = msgspec.json.Decoder(_Parameters)
_ANY = msgspec.json.Decoder(AnyResource)


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictCall:
    """What is asked: of which model, up to when, on which resources, still undecoded.

    `as_of` is None where the call leaves it to the server: now.
    """

    model: str
    as_of: datetime | None
    request_id: str | None
    resources: dict[str, msgspec.Raw]


def read_parameters(content: bytes) -> PredictCall:
    """Read the parameters `model`, `asOf`, `requestId` and any number of `resource`.

    Raises:
        Invalid: it is no Parameters resource, one of them is unknown, missing, given twice or of
            another type; the text names the place and never a value.
    """
    body = decode(_PARAMETERS, content, "The request")
    if body.resource_type != "Parameters":
        raise invalid(
            "The request", "is not a Parameters resource.", fix="send resourceType Parameters."
        )
    single: dict[str, str] = {}
    resources: dict[str, msgspec.Raw] = {}
    for index, one in enumerate(body.parameter):
        where = f"parameter[{index}]"
        if one.name == "resource":
            resources[f"{where}.resource"] = _resource(one, where)
        elif one.name in _SINGLE:
            if one.name in single:
                raise invalid(where, f"gives '{one.name}' again.", fix="give it once.")
            single[one.name] = _value(one, where)
        else:
            raise invalid(
                f"{where}.name",
                "is not a parameter of this operation.",
                fix=f"use: {', '.join((*_SINGLE, 'resource'))}.",
            )
    if len(resources) > _MOST:
        raise invalid("parameter", "holds too many resources.", fix="send them in a Bundle.")
    if "model" not in single:
        raise invalid("parameter", "names no model.", fix="add the parameter 'model'.")
    as_of = single.get("asOf")
    return PredictCall(
        model=single["model"],
        as_of=None if as_of is None else read_instant(as_of, "asOf"),
        request_id=_request_id(single.get("requestId")),
        resources=resources,
    )


_SINGLE = {
    "model": ("valueString", "valueCode", "valueId"),
    "asOf": ("valueDateTime", "valueInstant"),
    "requestId": ("valueString", "valueId"),
}


def _value(one: _Parameter, where: str) -> str:
    told = {
        "valueString": one.value_string,
        "valueCode": one.value_code,
        "valueId": one.value_id,
        "valueDateTime": one.value_date_time,
        "valueInstant": one.value_instant,
    }
    present = [name for name, text in told.items() if text is not None]
    fitting = _SINGLE[one.name]
    if len(present) != 1 or present[0] not in fitting or given(one.resource):
        raise _wrong_kind(where, fitting)
    text = told[present[0]]
    if not text:
        raise invalid(where, "is empty.", fix="give its value.")
    return text


def _wrong_kind(where: str, fitting: tuple[str, ...]) -> Invalid:
    return invalid(
        where, "has not exactly the value that it needs.", fix=f"give {' or '.join(fitting)}."
    )


def _resource(one: _Parameter, where: str) -> msgspec.Raw:
    if not given(one.resource):
        raise invalid(f"{where}.resource", "is not given.", fix="give a resource or a Bundle.")
    decode(_ANY, one.resource, f"{where}.resource")
    return one.resource


def _request_id(text: str | None) -> str | None:
    if text is not None and len(text) > LONGEST_ID:
        raise invalid("requestId", "is too long.", fix=f"use {LONGEST_ID} characters at most.")
    return text
