"""What a model accepts: units made equal, implausible values set aside, and when to abstain."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import le
from typing import NamedTuple

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid, WrongUnit
from bedside.core.kept import Kept
from bedside.core.records.answer import Abstention, AbstentionReason
from bedside.core.records.declaration import Declaration, Signal
from bedside.core.records.event import Event
from bedside.core.records.features import FeatureRule
from bedside.core.records.told_now import ToldNow
from bedside.core.units import conversion, display
from bedside.features.definition import FeatureSet

__all__ = [
    "Plausible",
    "as_served",
    "check_inputs",
    "clean_events",
    "factor_to",
    "needs_no_unit",
    "plausible_ranges",
    "set_aside_note",
    "visible_at",
]

_SHOWN = 10  # names of categories


def needs_no_unit(unit: str) -> bool:
    """Whether a unit only says that there is none, in UCUM.

    >>> needs_no_unit("{score}"), needs_no_unit("mg/dL")
    (True, False)
    """
    return unit in ("1", "[pH]") or unit.startswith("{")


def as_served(declaration: Declaration, feature_set: FeatureSet) -> Declaration:
    """The declaration of a built model, with what was learnt in the place of what was left open.

    Every chosen code is a signal of its own, by the name of its code, and every signal whose
    categories were learnt has them, so that whoever reads a patient's data for the model sees all
    that its features read. A chosen mark is an event to count the time since.

    Args:
        declaration: As it was written.
        feature_set: Of the bundle.
    """
    signals, marks = dict(declaration.signals), dict[str, FeatureRule]()
    chosen: dict[str, Signal] = {}
    for feature in feature_set.features:
        name = feature.signal
        if feature.has_other and name in signals:
            labels = {label: label for label in feature.categories}
            signals[name] = replace(signals[name], categories=labels)
        elif feature.mark:
            marks[name] = FeatureRule(since=name, label=feature.label)
            chosen[name] = Signal(label=feature.label, code=name, role="attribute")
        elif name and name not in signals and name not in chosen:
            chosen[name] = Signal(label=feature.label, code=name, unit=feature.event_unit)
        if name in chosen and feature.aggregate == "last" and feature.window_hours is None:
            chosen[name] = replace(chosen[name], role="attribute" if feature.mark else "static")
    valued = tuple(name for name in chosen if name not in marks)
    rules = [replace(rule, vocabulary=None) for rule in declaration.features]
    added = [FeatureRule(signals=valued)] if valued else []
    return replace(
        declaration, signals=signals | chosen, features=(*rules, *added, *marks.values())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plausible:
    """The declared unit of a code and the values in it that a living patient can have."""

    signal: str
    unit: str | None
    low: float
    high: float


def plausible_ranges(signals: Mapping[str, Signal]) -> dict[str, Plausible]:
    """By code, for each signal that is a number: its unit and plausible range (else unbounded)."""
    return {
        code: Plausible(
            signal=name,
            unit=signal.unit,
            low=signal.plausible[0] if signal.plausible else -math.inf,
            high=signal.plausible[1] if signal.plausible else math.inf,
        )
        for name, signal in signals.items()
        if not signal.is_categorical
        and (signal.role in ("input", "static") or (signal.role == "outcome" and signal.unit))
        for code in signal.codes
    }


def clean_events(
    signals: Mapping[str, Signal], events: Sequence[Event]
) -> tuple[Sequence[Event], tuple[str, ...]]:
    """Convert each value to its declared unit and set implausible values aside.

    Returns:
        The clean events, and the names of the signals that had implausible values.

    Raises:
        WrongUnit: a unit cannot be converted to the declared one.
        Invalid: a value is not a finite number.
    """
    if isinstance(events, ToldNow):
        limits = events.layout.once(_limits, events, signals)
        if limits is not None and _are_within(limits, events.values):
            return events, ()
    ranges = _ranges_of(signals)
    kept: list[Event] = []
    rejected: dict[str, None] = {}
    for event in events:
        rule, value = ranges.get(event.code), event.value
        if rule is None or value is None:
            kept.append(event)
            continue
        if event.unit != rule.unit or not math.isfinite(value):
            value = _in_unit(value, event.unit, rule)
        if not rule.low <= value <= rule.high:
            rejected[rule.signal] = None
        elif event.unit == rule.unit:
            kept.append(event)
        else:
            kept.append(replace(event, value=value, unit=rule.unit))
    return kept, tuple(rejected)


_ranges_of = Kept(plausible_ranges)


def set_aside_note(signal: Signal) -> str:
    """What an answer notes where a value of the signal was set aside; it is found again by it."""
    return f"{signal.label} had a value outside the possible range; it was left out."


class _Limits(NamedTuple):
    """Between which limits each value of a layout needs no closer look."""

    low: tuple[float, ...]
    high: tuple[float, ...]


def _are_within(limits: _Limits, values: Sequence[float]) -> bool:
    return all(map(le, limits.low, values)) and all(map(le, values, limits.high))


def _limits(told: ToldNow, signals: Mapping[str, Signal]) -> _Limits | None:
    """The limits of a layout; None: a unit is not the declared."""
    ranges, limits = _ranges_of(signals), list[tuple[float, float]]()
    for code, unit in zip(told.layout.codes, told.layout.units, strict=True):
        rule = ranges.get(code)
        if rule is not None and rule.unit != unit:
            return None
        limits.append((-math.inf, math.inf) if rule is None else (rule.low, rule.high))
    return _Limits(tuple([low for low, _ in limits]), tuple([high for _, high in limits]))


def _in_unit(value: float, unit: str | None, rule: Plausible) -> float:
    if not math.isfinite(value):
        raise Invalid(
            f"'{rule.signal}' holds a value that is not a finite number.",
            fix="leave the value out when it was not measured.",
        )
    factor, offset = factor_to(rule, unit)
    return value * factor + offset


def factor_to(rule: Plausible, unit: str | None) -> tuple[float, float]:
    """Factor and offset that take a value to the declared unit: value * factor + offset.

    Raises:
        WrongUnit: it cannot be converted.
    """
    if unit is None or unit == rule.unit:
        return 1.0, 0.0
    if rule.unit is None:
        if needs_no_unit(unit):
            return 1.0, 0.0
        raise WrongUnit(rule.signal, got=unit, expected="no unit")
    return conversion(rule.signal, source=unit, target=rule.unit)


def visible_at(events: Sequence[Event], as_of: datetime) -> list[Event]:
    """The events that the hospital could see at `as_of`, without those corrected by then."""
    seen = [
        event
        for event in events
        if event.known_at <= as_of and (event.time is None or event.time <= as_of)
    ]
    corrected = {event.replaces for event in events if event.replaces and event.known_at <= as_of}
    return [event for event in seen if not event.source_row or event.source_row not in corrected]


def check_inputs(
    declaration: Declaration, events: Sequence[Event], rejected: Sequence[str], as_of: datetime
) -> Abstention | None:
    """The reason not to score this patient now, or None.

    In this order: a signal that came as a text that is none of its categories, as a wire hands it
    on; a required signal out of range, missing or stale; then not eligible.
    """
    if (
        isinstance(events, ToldNow)
        and not rejected
        and events.as_of == as_of
        and events.layout.once(_needs_nothing, events, declaration)
    ):
        return None
    unknown = _of_no_category(declaration, events, as_of)
    if unknown is not None:
        return unknown
    asked = _asked_of(declaration)
    latest = _latest(asked.owners, events, as_of) if asked.owners else {}
    for name, signal, stale_after in asked.required:
        event = latest.get(name)
        if event is None or stale_after is not None or rejected:
            found = _required(name, signal, stale_after, event, name in rejected, as_of)
            if found is not None:
                return found
    return _not_eligible(declaration, latest)


def _needs_nothing(told: ToldNow, declaration: Declaration) -> bool:
    """Whether values of this layout are enough for a score, whatever they are.

    What holds now is never stale, so beside what is there only eligibility looks at the values.
    """
    if declaration.eligibility:
        return False
    return check_inputs(declaration, list(told), (), told.as_of) is None


def _labels(declaration: Declaration) -> dict[str, tuple[str, frozenset[str]]]:
    """By code of a signal whose categories are declared: its name, and their labels."""
    return {
        code: (name, frozenset(signal.categories.values()))
        for name, signal in declaration.signals.items()
        if signal.categories and not signal.learn_categories and signal.role != "outcome"
        for code in signal.codes
    }


_labels_of = Kept(_labels)


def _of_no_category(
    declaration: Declaration, events: Sequence[Event], as_of: datetime
) -> Abstention | None:
    """The reason not to score where a category came that is not known; its text is not repeated."""
    labels = _labels_of(declaration)
    if not labels or isinstance(events, ToldNow):
        return None
    for event in events:
        text = event.text
        if text is None or event.code not in labels:
            continue
        name, known = labels[event.code]
        if text in known or event.known_at > as_of or (event.time and event.time > as_of):
            continue
        return Abstention(
            reason=AbstentionReason.OUT_OF_RANGE,
            signal=name,
            text=f"{declaration.signals[name].label} came as a category that this model does not "
            f"know; check how it is recorded (it knows: {_some(sorted(known))}).",
        )
    return None


def _some(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What `check_inputs` asks of a declaration.

    Args:
        owners: By code, the signals that must be there for a score.
        required: Their names, and after how long they are stale.
    """

    owners: dict[str, list[str]]
    required: tuple[tuple[str, Signal, timedelta | None], ...]


def _asked(declaration: Declaration) -> _Asked:
    eligible = {rule.signal for rule in declaration.eligibility}
    owners: dict[str, list[str]] = {}
    for name, signal in declaration.signals.items():
        if signal.required or name in eligible:
            for code in signal.codes:
                owners.setdefault(code, []).append(name)
    required = tuple(
        (name, signal, None if signal.stale_after is None else parse_duration(signal.stale_after))
        for name, signal in declaration.signals.items()
        if signal.required
    )
    return _Asked(owners, required)


_asked_of = Kept(_asked)


def _latest(
    owners: Mapping[str, list[str]], events: Sequence[Event], as_of: datetime
) -> dict[str, Event]:
    """The newest visible event of each signal: by its time, then by when it was known.

    What has no time is older than all that has one; of two alike, the one that stands later counts.
    """
    corrected = {one.replaces for one in events if one.replaces and one.known_at <= as_of}
    latest: dict[str, Event] = {}
    for event in events:
        names = owners.get(event.code)
        if names is None or event.known_at > as_of:
            continue
        time = event.time
        if time is not None and time > as_of:
            continue
        if corrected and event.source_row and event.source_row in corrected:
            continue
        for name in names:
            best = latest.get(name)
            if best is None or _order(event) >= _order(best):
                latest[name] = event
    return latest


def _order(event: Event) -> tuple[bool, datetime, datetime]:
    """By which the newest of several events is told."""
    return event.time is not None, event.time or event.known_at, event.known_at


def _required(
    name: str,
    signal: Signal,
    stale_after: timedelta | None,
    event: Event | None,
    rejected: bool,
    as_of: datetime,
) -> Abstention | None:
    if rejected:
        return Abstention(
            reason=AbstentionReason.OUT_OF_RANGE,
            signal=name,
            text=f"{signal.label} is outside the range that is possible; check the measurement.",
        )
    if event is None:
        return Abstention(
            reason=AbstentionReason.MISSING,
            signal=name,
            text=f"{signal.label} has not been measured; measure it to get a score.",
        )
    if stale_after is not None and event.time is not None and as_of - event.time > stale_after:
        return Abstention(
            reason=AbstentionReason.STALE,
            signal=name,
            text=f"{signal.label} is older than {signal.stale_after}; measure it again.",
        )
    return None


def _not_eligible(declaration: Declaration, latest: Mapping[str, Event]) -> Abstention | None:
    for rule in declaration.eligibility:
        signal = declaration.signals[rule.signal]
        event = latest.get(rule.signal)
        value = event.value if event is not None else None
        if value is None:
            return Abstention(
                reason=AbstentionReason.MISSING,
                signal=rule.signal,
                text=f"{signal.label} is not known, so it cannot be said who this model is for.",
            )
        low, high, unit = rule.at_least, rule.at_most, display(signal.unit)
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = " and ".join(
                f"{word} {bound:g} {unit}".strip()
                for word, bound in (("at least", low), ("at most", high))
                if bound is not None
            )
            return Abstention(
                reason=AbstentionReason.NOT_ELIGIBLE,
                signal=rule.signal,
                text=f"the model is for subjects with {signal.label} {bounds}.",
            )
    return None
