"""A feature and its value in clinical words: what a nurse reads as the reason for a score."""

import math

from bedside.core.units import display
from bedside.features.definition import Feature

__all__ = ["describe", "title"]


def describe(feature: Feature, value: float) -> str:  # noqa: PLR0911 - one return for each aggregate
    """One feature's value in words and units.

    >>> lactate = Feature(name="lactate.max.6h", signal="lactate", codes=("LOINC//2524-7",),
    ...                   label="lactate", aggregate="max", window_hours=6.0, unit="mmol/L")
    >>> describe(lactate, 3.84)
    'lactate 3.84 mmol/L, highest in 6 h'
    >>> describe(lactate, float("nan"))
    'lactate not measured in 6 h'
    """
    label = feature.label
    span = _span(feature.window_hours)
    if feature.labels:
        known = not math.isnan(value) and 0 <= int(value) < len(feature.labels)
        return f"{label}: {feature.labels[int(value)] if known else 'unknown'}"
    if math.isnan(value):
        return f"{label} not measured{span}" if feature.signal else f"no {label}"
    number = _number(value)
    unit = display(feature.unit)
    measured = f"{number} {unit}".strip()
    match feature.aggregate:
        case "hours_since":
            return f"{measured} since {'last ' if feature.signal else ''}{label}"
        case "count":
            return f"{label} measured {number} times{span}"
        case "change":
            return f"{label} changed by {'+' if value > 0 else ''}{measured}{span}"
        case "min" | "max" | "mean" | "sum" as word:
            return f"{label} {measured}, {_WORDS[word]}{span}"
        case _:
            return f"{label} {measured}"


def title(feature: Feature) -> str:
    """The feature's own name in words, without a value.

    >>> title(Feature(name="hr.mean.6h", signal="hr", codes=("LOINC//8867-4",), label="heart rate",
    ...               aggregate="mean", window_hours=6.0, unit="/min"))
    'heart rate, average in 6 h'
    """
    span = _span(feature.window_hours)
    match feature.aggregate:
        case "hours_since":
            return f"hours since {'last ' if feature.signal else ''}{feature.label}"
        case "count":
            return f"{feature.label}, times measured{span}"
        case "change":
            return f"{feature.label}, change{span}"
        case "min" | "max" | "mean" | "sum" as word:
            return f"{feature.label}, {_WORDS[word]}{span}"
        case _:
            return feature.label


_WORDS = {"min": "lowest", "max": "highest", "mean": "average", "sum": "total"}


def _span(hours: float | None) -> str:
    if hours is None or hours > 24 * 60:
        return ""
    return f" in {hours:g} h" if hours <= 72 else f" in {hours / 24:g} days"


def _number(value: float) -> str:
    """Three significant digits, and no exponent for what clinicians read daily.

    >>> _number(1326.4), _number(0.0123)
    ('1,326', '0.0123')
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
