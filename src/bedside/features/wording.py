"""A feature and its value in clinical words: what a nurse reads as the reason for a score."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bedside.core.clock import hours_of
from bedside.core.records.features import EVER
from bedside.core.units import display
from bedside.features.definition import WINDOWLESS, Feature
from bedside.features.plain_words import ago, lasting, number

__all__ = ["definition", "describe", "describe_now", "title", "window"]

_EVER_HOURS = hours_of(EVER)
_GIVEN = ("RXNORM", "ATC", "NDC", "CVX", "MEDICATION", "INFUSION", "DRUG")
_HOURS = {"h": 1.0, "d": 24.0, "a": 24 * 365.25}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_WORDS = {
    "first": "first", "min": "lowest", "max": "highest", "mean": "average", "sum": "total",
    "sd": "standard deviation",
}  # fmt: skip
_AGED = ("last", "first", "min", "max", "last_is")  # words that are of one measurement


def describe(
    feature: Feature,
    value: float,
    *,
    measured: datetime | None = None,
    as_of: datetime | None = None,
    events: int | None = None,
) -> str:
    """One feature's value in words and units, and how old the measurement behind it is.

    Args:
        feature: What the value is of.
        value: NaN: there is none.
        measured: When the newest event that the value rests on happened; None: not told.
        as_of: The time of the question; None: the age is not told.
        events: On how many events the value rests; None: not told. With one, nothing has changed.

    >>> from dataclasses import replace
    >>> from datetime import UTC
    >>> now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    >>> lactate = Feature(name="lactate.max.6h", signal="lactate", codes=("LOINC//2524-7",),
    ...                   label="lactate", aggregate="max", window_hours=6.0, unit="mmol/L",
    ...                   event_unit="mmol/L")
    >>> describe(lactate, 3.84, measured=now - timedelta(minutes=40), as_of=now)
    'lactate 3.84 mmol/L, highest in 6 h, measured 40 min ago'
    >>> describe(lactate, float("nan"))
    'lactate not measured in 6 h'
    >>> describe(replace(lactate, aggregate="slope", unit="mmol/L/h", window_hours=24.0), 0.4)
    'lactate rising by 0.4 mmol/L per h in 24 h'
    >>> describe(replace(lactate, aggregate="count", unit="1"), 3, measured=now, as_of=now)
    'lactate measured 3 times in 6 h, last just now'
    >>> describe(replace(lactate, aggregate="from_baseline", baseline_hours=720.0), 1.2)
    'lactate 1.2 mmol/L above the average of the 30 days before'
    >>> oxygen = replace(lactate, label="oxygen", aggregate="active", codes=("DRUG//O2",))
    >>> describe(oxygen, 1.0), describe(oxygen, 0.0)
    ('on oxygen now', 'not on oxygen now')
    """
    if math.isnan(value):
        return _absent(feature)
    if feature.aggregate == "change" and events == 1:
        text = f"{_label(feature)} {_verb(feature)} only once{_span(feature)}"
    else:
        text = _present(feature, value)
    if measured is None or as_of is None or (value == 0 and feature.aggregate == "count"):
        return text
    return text + _aged(feature, value, ago(as_of - measured), is_only=events == 1)


def describe_now(feature: Feature) -> Callable[[float], str]:
    """What `describe` says of a value that rests on one event, which happened just now.

    What is the same for every value is made here, once.

    >>> heart = Feature(name="hr", signal="hr", codes=("LOINC//8867-4",), label="heart rate",
    ...                 aggregate="last", window_hours=None, unit="/min", event_unit="/min")
    >>> describe_now(heart)(118.04)
    'heart rate 118 /min, measured just now'
    """
    now = datetime(2000, 1, 1, tzinfo=UTC)

    def told(value: float) -> str:
        return describe(feature, value, measured=now, as_of=now, events=1)

    if feature.labels or feature.aggregate != "last":
        return told
    before, unit = f"{_label(feature)} ", f" {display(feature.unit)}".rstrip()
    after = unit + _aged(feature, 0.0, ago(timedelta(0)), is_only=True)

    def plain(value: float) -> str:
        return told(value) if math.isnan(value) else f"{before}{number(value)}{after}"

    return plain


def title(feature: Feature) -> str:
    """The feature's own name in words, without a value.

    >>> title(Feature(name="hr.mean.6h", signal="hr", codes=("LOINC//8867-4",), label="heart rate",
    ...               aggregate="mean", window_hours=6.0, unit="/min"))
    'heart rate, average in 6 h'
    """
    label, span, verb = _label(feature), _span(feature), _verb(feature)
    if _is_age(feature):
        return "age"
    titles = {
        "hours_since": f"time since {'last ' if feature.signal else ''}{label}",
        "count": f"{label}, how often {verb}{span}",
        "missing": f"{label}, whether {verb}{span}",
        "change": f"{label}, change{span}",
        "slope": f"{label}, change per hour{span}",
        "from_baseline": f"{label}, against the average of {_baseline(feature)}",
        "active": f"{label} now",
        "hours_active": f"{label}, how long{span}",
        "last_is": f"{label}: {feature.category}",
        "hour_of_day": "hour of the day",
        "day_of_week": "day of the week",
        "month": "month",
        **{aggregate: f"{label}, {word}{span}" for aggregate, word in _WORDS.items()},
    }
    return titles.get(feature.aggregate, label)


def window(feature: Feature) -> str:
    """How far back the feature looks, in words; empty when it looks at no event.

    >>> window(Feature(name="hr.mean.6h", signal="hr", codes=("LOINC//8867-4",),
    ...                label="heart rate", aggregate="mean", window_hours=6.0, unit="/min"))
    'the last 6 h'
    """
    if not feature.codes:
        return ""
    if feature.window_hours is None:
        return "the whole record"
    if feature.aggregate in WINDOWLESS and feature.window_hours >= _EVER_HOURS:
        return "the whole record"
    return f"the last {lasting(feature.window_hours)}"


def definition(feature: Feature) -> str:
    """What the feature is, in one plain sentence.

    >>> definition(Feature(name="hr.mean.6h", signal="hr", codes=("LOINC//8867-4",),
    ...                    label="heart rate", aggregate="mean", window_hours=6.0, unit="/min"))
    'The average heart rate of the last 6 h.'
    """
    label, past = _label(feature), window(feature)
    if feature.aggregate in ("hour_of_day", "day_of_week", "month"):
        return f"The {title(feature)} at which the question is asked, in {feature.timezone}."
    if _is_age(feature):
        return "The age at the time of the question."
    verb = _verb(feature)
    sentence = {
        "last": f"The latest {label} in {past}.",
        "first": f"The first {label} in {past}.",
        "min": f"The lowest {label} of {past}.",
        "max": f"The highest {label} of {past}.",
        "mean": f"The average {label} of {past}.",
        "sum": f"The total {label} of {past}.",
        "sd": f"How far the {label} strayed from its average in {past} (standard deviation).",
        "slope": f"By how much the {label} rose or fell per hour in {past} (straight line).",
        "change": f"The latest {label} in {past}, less the first one in it.",
        "from_baseline": f"The latest {label} in {past}, less the average of {_baseline(feature)}.",
        "hours_since": f"How long ago {label} was last {verb}, in {past}.",
        "count": f"How often {label} was {verb} in {past}.",
        "missing": f"Whether no {label} was {verb} in {past}.",
        "active": f"Whether {label} is running at the time of the question.",
        "hours_active": f"For how many hours of {past} {label} was running.",
        "last_is": f"Whether the latest {label} in {past} is {feature.category}.",
    }
    return sentence[feature.aggregate]


def _is_age(feature: Feature) -> bool:
    """Whether the feature is the age of the patient, told by the date of birth."""
    born = _label(feature) == "age" or any("BIRTH" in code.upper() for code in feature.codes)
    return feature.aggregate == "hours_since" and feature.unit in ("a", "d") and born


def _present(feature: Feature, value: float) -> str:
    label, span = _label(feature), _span(feature)
    if feature.labels:
        known = 0 <= int(value) < len(feature.labels)
        told = feature.labels[int(value)] if known else "unknown"
        word = _WORDS.get(feature.aggregate)
        return f"{label}: {told}{f', {word}{span}' if word else ''}"
    measured = f"{number(value)} {display(feature.unit)}".strip()
    if (special := _SPECIAL.get(feature.aggregate)) is not None:
        return special(feature, value)
    if feature.aggregate in _WORDS:
        return f"{label} {measured}, {_WORDS[feature.aggregate]}{span}"
    return f"{label} {measured}"


def _absent(feature: Feature) -> str:
    label, span = _label(feature), _span(feature)
    if feature.labels:
        return f"{label}: unknown"
    if not feature.signal:
        return "age not known" if _is_age(feature) else f"no {label} recorded"
    if feature.aggregate == "last" and feature.window_hours is None:
        return f"{label} not known"  # a static fact is not measured again
    verb = _verb(feature)
    match feature.aggregate:
        case "slope" | "sd":
            return f"{label} {verb} less than twice{span}"
        case "from_baseline":
            return f"{label} not {verb}{span}, or not in {_baseline(feature)}"
        case _:
            return f"{label} not {verb}{span}"


def _since(feature: Feature, value: float) -> str:
    if _is_age(feature):
        return f"{lasting(value * _HOURS[feature.unit or 'h'], whole=True)} old"
    hours = value * _HOURS[feature.unit or "h"]
    if feature.signal:
        return f"last {_label(feature)} {ago(timedelta(hours=hours))}"
    return f"{lasting(hours)} since {_label(feature)}"


def _count(feature: Feature, value: float) -> str:
    span, verb = _span(feature), _verb(feature)
    if value == 0:
        return f"{_label(feature)} not {verb}{span}"
    times = "once" if value == 1 else "twice" if value == 2 else f"{number(value)} times"
    return f"{_label(feature)} {verb} {times}{span}"


def _missing(feature: Feature, value: float) -> str:
    return f"{_label(feature)}{' not' if value else ''} {_verb(feature)}{_span(feature)}"


def _change(feature: Feature, value: float) -> str:
    if value == 0:
        return f"{_label(feature)} unchanged{_span(feature)}"
    steps = "step" if abs(value) == 1 else "steps"
    by = f"{number(abs(value))} {steps if feature.categories else display(feature.unit)}".strip()
    return f"{_label(feature)} {'up' if value > 0 else 'down'} by {by}{_span(feature)}"


def _slope(feature: Feature, value: float) -> str:
    if value == 0:
        return f"{_label(feature)} steady{_span(feature)}"
    unit = (feature.unit or "").removesuffix("/h")
    by = f"{number(abs(value))} {display(unit or None)}".strip()
    return f"{_label(feature)} {'rising' if value > 0 else 'falling'} by {by} per h{_span(feature)}"


def _from_baseline(feature: Feature, value: float) -> str:
    if value == 0:
        return f"{_label(feature)} at the average of {_baseline(feature)}"
    by = f"{number(abs(value))} {display(feature.unit)}".strip()
    side = "above" if value > 0 else "below"
    return f"{_label(feature)} {by} {side} the average of {_baseline(feature)}"


def _active(feature: Feature, value: float) -> str:
    return f"{'' if value else 'not '}on {_label(feature)} now"


def _hours_active(feature: Feature, value: float) -> str:
    if value == 0:
        return f"no {_label(feature)}{_span(feature)}"
    if feature.window_hours is None:
        return f"{_label(feature)} for {lasting(value)} in the whole record"
    return f"{_label(feature)} for {lasting(value)} of the last {lasting(feature.window_hours)}"


def _last_is(feature: Feature, value: float) -> str:
    return f"{_label(feature)} is {'' if value else 'not '}{feature.category}"


def _calendar(feature: Feature, value: float) -> str:
    if feature.aggregate == "hour_of_day":
        return f"asked at {int(value)} o'clock"
    if feature.aggregate == "day_of_week":
        return f"asked on a {_DAYS[int(value) % 7]}"
    return f"asked in {_MONTHS[(int(value) - 1) % 12]}"


_SPECIAL: dict[str, Callable[[Feature, float], str]] = {
    "hours_since": _since,
    "count": _count,
    "missing": _missing,
    "change": _change,
    "slope": _slope,
    "from_baseline": _from_baseline,
    "active": _active,
    "hours_active": _hours_active,
    "last_is": _last_is,
    "hour_of_day": _calendar,
    "day_of_week": _calendar,
    "month": _calendar,
}


def _aged(feature: Feature, value: float, age: str, *, is_only: bool) -> str:
    """How the age of the newest measurement is added to a text, where it is not said already."""
    last = "" if is_only else "last "
    match feature.aggregate:
        case "hours_since" | "hour_of_day" | "day_of_week" | "month" | "hours_active":
            return ""
        case "active":
            return f", started {age}" if value else ""
        case "count" | "missing":
            return f", {last}{age}"
        case "change" if is_only:
            return f", {age}"
        case aggregate if aggregate in _AGED:
            return f", {_verb(feature)} {age}"
        case _:
            return f", {last}{_verb(feature)} {age}"


def _label(feature: Feature) -> str:
    """The label; a code that stands for itself without the bars between its parts."""
    return feature.label.replace("//", " ")


def _verb(feature: Feature) -> str:
    """What is done with such a thing: a drug is given, a lactate measured, a rhythm recorded."""
    vocabularies = {code.partition("//")[0].upper() for code in feature.codes}
    if vocabularies.intersection(_GIVEN):
        return "given"
    of_events = feature.aggregate in ("count", "missing", "hours_since", "active", "hours_active")
    unit = feature.event_unit or (None if of_events else feature.unit)
    is_measured = unit is not None or vocabularies == {"LOINC"}
    return "measured" if is_measured and not (feature.mark or feature.categories) else "recorded"


def _baseline(feature: Feature) -> str:
    return f"the {lasting(feature.baseline_hours or 0.0)} before"


def _span(feature: Feature) -> str:
    hours = feature.window_hours
    if hours is None or (feature.aggregate in WINDOWLESS and hours >= _EVER_HOURS):
        return "" if feature.aggregate in (*WINDOWLESS, "missing") else " in the whole record"
    return f" in {lasting(hours)}"
