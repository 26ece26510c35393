"""What an Observation or one of its components says: the choice of value[x]."""

from collections.abc import Sequence
from typing import NamedTuple

from bedside.interop.fhir_bulk.concepts import CodeBook
from bedside.interop.fhir_bulk.elements import ABSENT, Quantity, is_given
from bedside.interop.fhir_bulk.resources import Measured

__all__ = ["UCUM", "Said", "are_plain", "has_value", "unit_of", "value_of"]

UCUM = ("http://unitsofmeasure.org", "urn:oid:2.16.840.1.113883.6.8", None)


class Said(NamedTuple):
    """A number with its unit, or a text; or, in `missing`, why there is neither."""

    value: float | None = None
    unit: str | None = None
    text: str | None = None
    missing: str | None = None


def unit_of(quantity: Quantity) -> str | None:
    """The UCUM code of a quantity; where it has none, its unit as it is written.

    >>> unit_of(Quantity(unit="mmHg", system="http://unitsofmeasure.org", code="mm[Hg]"))
    'mm[Hg]'
    """
    if quantity.code and quantity.system in UCUM:
        return quantity.code
    return quantity.unit or quantity.code or None


def are_plain(parts: Sequence[Measured], answers: Sequence[str | None]) -> list[bool]:
    """Which of them say a number without a limit such as `<`, or a known code, and no more.

    Args:
        parts: What was measured.
        answers: For each the code of its coded answer, if that is known.
    """
    return [
        one.value_string is None
        and one.value_integer is None
        and one.value_boolean is None
        and one.data_absent_reason is None
        and one.value_range is None
        and one.value_ratio is None
        and one.value_time is None
        and one.value_date_time is None
        and one.value_period is None
        and one.value_sampled_data is ABSENT
        and (
            answer is not None
            if (quantity := one.value_quantity) is None
            else quantity.value is not None
            and quantity.comparator is None
            and one.value_codeable_concept is None
        )
        for one, answer in zip(parts, answers, strict=True)
    ]


def has_value(measured: Measured) -> bool:
    """Whether it has a value, or a reason for having none."""
    return (
        measured.value_quantity is not None
        or measured.value_codeable_concept is not None
        or measured.value_string is not None
        or measured.value_integer is not None
        or measured.value_boolean is not None
        or measured.data_absent_reason is not None
        or _has_rare_value(measured)
    )


def value_of(measured: Measured, book: CodeBook) -> Said:
    """What it says, for each type that R4 allows here.

    - Quantity, integer: a number; the text of a limit is its comparator (`<`).
    - CodeableConcept: a code as text. boolean: `true` or `false`. string, time, dateTime: as they
      are. Range, Ratio, Period: as text, `1..5 mg`, `1:128`, `2026-01-01/2026-01-02`.
    - SampledData is a curve, not a value, and gives none.
    """
    found = [said for said in _every(measured, book) if said is not None]
    if measured.data_absent_reason is not None:
        return Said(
            missing="a value and a reason for its absence" if found else "absent, as it says"
        )
    if not found:
        return Said(missing="no value")
    if len(found) > 1:
        return Said(missing="more than one value")
    said = found[0]
    if said.missing is None and said.value is None and not said.text:
        return Said(missing="an empty value")
    return said


def _has_rare_value(measured: Measured) -> bool:
    return (
        measured.value_range is not None
        or measured.value_ratio is not None
        or measured.value_time is not None
        or measured.value_date_time is not None
        or measured.value_period is not None
        or is_given(measured.value_sampled_data)
    )


def _every(measured: Measured, book: CodeBook) -> list[Said | None]:
    quantity, concept = measured.value_quantity, measured.value_codeable_concept
    low_high, ratio, period = measured.value_range, measured.value_ratio, measured.value_period
    boolean, integer = measured.value_boolean, measured.value_integer
    texts = (measured.value_string, measured.value_time, measured.value_date_time)
    return [
        None if quantity is None else _quantity(quantity),
        None if concept is None else Said(text=book.answer(concept)),
        None if integer is None else Said(value=integer),
        None if boolean is None else Said(text="true" if boolean else "false"),
        *(None if text is None else Said(text=text) for text in texts),
        None if low_high is None else Said(text=_pair(low_high.low, low_high.high, "..")),
        None if ratio is None else Said(text=_pair(ratio.numerator, ratio.denominator, ":")),
        None if period is None else Said(text=_span(period.start, period.end)),
        Said(missing="a curve, not a value") if is_given(measured.value_sampled_data) else None,
    ]


def _quantity(quantity: Quantity) -> Said:
    return Said(value=quantity.value, unit=unit_of(quantity), text=quantity.comparator)


def _pair(first: Quantity | None, second: Quantity | None, between: str) -> str | None:
    if first is None and second is None:
        return None
    one, other = (_number(quantity) for quantity in (first, second))
    units = [unit for part in (first, second) if part is not None and (unit := unit_of(part))]
    if len(units) == 2 and units[0] != units[1]:
        return f"{one} {units[0]}{between}{other} {units[1]}"
    return f"{one}{between}{other}" + (f" {units[-1]}" if units else "")


def _number(quantity: Quantity | None) -> str:
    return "" if quantity is None or quantity.value is None else f"{quantity.value:.15g}"


def _span(start: str | None, end: str | None) -> str | None:
    return f"{start or '..'}/{end or '..'}" if start or end else None
