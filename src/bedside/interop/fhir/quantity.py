"""The value of a FHIR Observation as a number with a UCUM unit, or as a declared category."""

import math
from dataclasses import dataclass
from operator import attrgetter

import msgspec

from bedside.core.records.codes_seen import cut_text
from bedside.core.records.declaration import Signal
from bedside.core.units import KNOWN_UNITS
from bedside.interop.asked import category_labels, find_label, is_chosen
from bedside.interop.fhir.codes import codes_of
from bedside.interop.fhir.resources import ABSENT, CodeableConcept, Measured, Quantity, given
from bedside.interop.strict_json import invalid

__all__ = ["Value", "unit_of", "value_of"]

_UCUM = "http://unitsofmeasure.org"
_BARE = (None, "1", "{ratio}", "[pH]")
_NUMBERS = ("valueQuantity", "valueInteger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A number in `unit`, or a category in `text`: its label, or what came if that is none.

    `bound`: only a limit was reported.
    """

    number: float | None = None
    unit: str | None = None
    text: str | None = None
    bound: bool = False


def value_of(measured: Measured, signal: Signal, where: str) -> Value | None:
    """What was measured; None where the resource says that there is no value.

    Words in the place of the number of a chosen code are no value either: training had none.

    Raises:
        Invalid: there is no value and no reason for that, there is more than one, or it is of a
            kind, unit or category that the signal does not have.
    """
    present = _present(measured)
    if measured.data_absent_reason is not None:
        if present:
            raise invalid(
                f"{where}.dataAbsentReason", "stands beside a value.", fix="give one of the two."
            )
        return None
    if not present:
        raise invalid(
            f"{where}.value[x]", "is not given.", fix="give a value or a dataAbsentReason."
        )
    if len(present) > 1:
        raise invalid(f"{where}.value[x]", "is given more than once.", fix="give one value.")
    if signal.is_categorical:
        return _category(measured, signal, f"{where}.{present[0]}")
    if is_chosen(signal) and present[0] not in _NUMBERS:
        return None
    return _number(measured, signal, f"{where}.{present[0]}")


_VALUES = {
    "valueQuantity": "value_quantity",
    "valueCodeableConcept": "value_codeable_concept",
    "valueString": "value_string",
    "valueInteger": "value_integer",
    "valueBoolean": "value_boolean",
    "valueRange": "value_range",
    "valueRatio": "value_ratio",
    "valueSampledData": "value_sampled_data",
    "valueTime": "value_time",
    "valueDateTime": "value_date_time",
    "valuePeriod": "value_period",
}
_VALUES_OF = attrgetter(*_VALUES.values())
_NO_OTHER = (*(None,) * 4, *(ABSENT,) * 6)


def _present(measured: Measured) -> list[str]:
    """The names of the values that are given; what most have, a quantity alone, is seen at once."""
    values = _VALUES_OF(measured)
    if values[0] is not None and values[1:] == _NO_OTHER:
        return ["valueQuantity"]
    return [
        name
        for name, value in zip(_VALUES, values, strict=True)
        if (given(value) if isinstance(value, msgspec.Raw) else value is not None)
    ]


def _category(measured: Measured, signal: Signal, where: str) -> Value:
    """The label; else the text that came, for whoever answers to say so and to count it."""
    concept = measured.value_codeable_concept or CodeableConcept()
    number, truth = measured.value_integer, measured.value_boolean
    told = [
        *codes_of(concept),
        concept.text,
        measured.value_string,
        *(name for coding in concept.coding for name in (coding.display, coding.code)),
        None if number is None else f"{number:g}",
        None if truth is None else str(truth).lower(),
    ]
    label = find_label(signal, *told)
    came = label or next((cut_text(one) for one in told if one), None)
    if came is None:
        raise invalid(
            where,
            f"is not a category of {signal.label}.",
            fix=f"give one of: {', '.join(category_labels(signal))}.",
        )
    return Value(text=came)


def _number(measured: Measured, signal: Signal, where: str) -> Value:
    quantity = measured.value_quantity
    if quantity is None and measured.value_integer is not None:
        quantity = Quantity(value=measured.value_integer)
    if quantity is None:
        raise invalid(
            where, f"is not a number, but {signal.label} is one.", fix="give a valueQuantity."
        )
    if quantity.value is None or not math.isfinite(quantity.value):
        raise invalid(
            f"{where}.value", "is not given.", fix="give the number, or a dataAbsentReason."
        )
    return Value(
        number=quantity.value,
        unit=_unit(quantity, signal, where),
        bound=quantity.comparator is not None,
    )


def unit_of(quantity: Quantity, signal: Signal) -> tuple[bool, str | None]:
    """Whether the unit can be told, and it; None where the signal needs none and none is given."""
    ucum = quantity.system in (None, _UCUM)
    for unit in (quantity.code if ucum else None, quantity.unit):
        if unit is not None and (unit in KNOWN_UNITS or unit == signal.unit):
            return True, unit
    return quantity.code is None and quantity.unit is None and signal.unit in _BARE, None


def _unit(quantity: Quantity, signal: Signal, where: str) -> str | None:
    known, unit = unit_of(quantity, signal)
    if known:
        return unit
    if quantity.code is None and quantity.unit is None:
        problem = "is not given."
    else:
        problem = "is not a UCUM unit that Bedside knows."
    raise invalid(
        f"{where}.code",
        problem,
        code="wrong_unit",
        fix=f"give the UCUM code of the unit, e.g. '{signal.unit or '1'}' for {signal.label}.",
    )
