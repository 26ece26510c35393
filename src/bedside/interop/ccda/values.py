"""Values of observations: PQ, INT, REAL, CD, ST, BL, TS, IVL_PQ… become a number or a text."""

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from bedside.interop.ccda.codes import text_of
from bedside.interop.ccda.xml import child, is_null, type_of

__all__ = ["Value", "quantity_of", "value_of"]

_NUMBER = re.compile(r"[-+]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][-+]?\d{1,3})?")
_CODED = frozenset({"CD", "CE", "CO", "CS", "CV"})
_LONGEST = 4000  # letters of a text


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A number with the unit as it is written, or a text."""

    value: float | None = None
    unit: str | None = None
    text: str | None = None


def value_of(element: Element, unknown: Counter[str]) -> Value | None:
    """The value; None if nothing is told, or in a type that is not read here."""
    kind = type_of(element)
    if kind in _CODED:
        text = text_of(element, unknown)
        return None if text is None else Value(text=text)
    read = _READERS.get(kind)
    return None if read is None or is_null(element) else read(element)


def quantity_of(element: Element | None) -> Value | None:
    """A quantity; None if it is no finite number."""
    if element is None or is_null(element):
        return None
    written = element.get("value", "").strip()
    if _NUMBER.fullmatch(written) is None or not math.isfinite(float(written)):
        return None
    unit = element.get("unit", "").strip()
    return Value(value=float(written), unit=unit[:64] or None)


def _range(element: Element) -> Value | None:
    """Such as `>= 5 mg/dL`: a bound is no value, so it becomes a text."""
    words = []
    for name, sign in (("low", ">"), ("high", "<")):
        bound = child(element, name)
        told = quantity_of(bound)
        if bound is not None and told is not None:
            closed = "" if bound.get("inclusive") == "false" else "="
            words.append(
                f"{sign}{closed} {bound.get('value', '').strip()} {told.unit or ''}".strip()
            )
    return Value(text=", ".join(words)) if words else None


def _ratio(element: Element) -> Value | None:
    top, bottom = (quantity_of(child(element, name)) for name in ("numerator", "denominator"))
    if top is None or bottom is None:
        return None
    words = (f"{one.value:g} {one.unit or ''}".strip() for one in (top, bottom))
    return Value(text=" / ".join(words))


def _boolean(element: Element) -> Value | None:
    told = element.get("value", "")
    return Value(text=told) if told in {"true", "false"} else None


def _text(element: Element) -> Value | None:
    if element.get("representation") == "B64":
        return None
    text = (element.get("value") or "".join(element.itertext())).strip()[:_LONGEST]
    return Value(text=text) if text else None


_READERS: dict[str, Callable[[Element], Value | None]] = {
    **dict.fromkeys(("PQ", "INT", "REAL", "MO"), quantity_of),
    **dict.fromkeys(("IVL_PQ", "IVL_INT", "IVL_REAL"), _range),
    **dict.fromkeys(("RTO", "RTO_PQ_PQ"), _ratio),
    **dict.fromkeys(("ST", "ED", "TS", "TEL", "SC"), _text),
    "BL": _boolean,
}
