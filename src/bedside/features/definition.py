"""What a feature is, and how the rules of a declaration become a list of features."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bedside.core.clock import hours_of
from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Declaration, Signal
from bedside.core.records.features import CALENDAR, EVER, ChosenCode, FeatureRule, Learnt

__all__ = ["Feature", "FeatureSet", "expand", "feature_set_from_json", "feature_set_to_json"]

WINDOWLESS = ("last", "hours_since", "active")
OF_CATEGORIES = ("last", "first", "count", "hours_since", "missing")
OF_STATIC = ("last", "missing")
OF_ORDERED = ("min", "max", "change")
OF_SPANS = ("active", "hours_active")
UNITS = {
    "count": "1",
    "missing": "1",
    "active": "1",
    "last_is": "1",
    "hours_since": "h",
    "hours_active": "h",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One number about a subject at a prediction time.

    `aggregate` is taken over the events of `codes` in the `window_hours` before the prediction
    time (None: the whole record); it is one of `core.records.features.Aggregate`, or `last_is`
    (whether the last category is `category`), or a part of the calendar in `timezone`, which reads
    no event. `from_baseline` compares with the `baseline_hours` before the window. `unit` is the
    UCUM unit of the result, `event_unit` that of the events' values. `categories` are the labels
    whose index is the value of an event, for a categorical signal; their order means something
    where they are `ordered`, and the last stands for every other text where it `has_other`. Each
    event of a `mark` counts as 1.
    """

    name: str
    signal: str
    codes: tuple[str, ...]
    label: str
    aggregate: str
    window_hours: float | None
    unit: str | None
    categories: tuple[str, ...] = ()
    category: str | None = None
    baseline_hours: float | None = None
    timezone: str = "UTC"
    event_unit: str | None = None
    ordered: bool = False
    has_other: bool = False
    mark: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels whose index is this feature's own value; none for any other number."""
        own = ("last", "first", "min", "max") if self.ordered else ("last", "first")
        return self.categories if self.aggregate in own else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSet:
    """The features of one model, in the order of its matrix columns."""

    features: tuple[Feature, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes that the features read, each once, in order of first use."""
        return tuple(dict.fromkeys(code for feature in self.features for code in feature.codes))

    def categories(self) -> dict[str, tuple[str, ...]]:
        """Category labels by code, for the codes whose events carry text."""
        return {code: f.categories for f in self.features if f.categories for code in f.codes}


def expand(declaration: Declaration, learnt: Learnt | None = None) -> FeatureSet:
    """The features that a declaration's rules ask for.

    Args:
        declaration: Its rules and signals.
        learnt: What the training subjects decided; without it, a rule with a vocabulary makes
            nothing, and a signal whose categories are to be learnt has none.

    Raises:
        Invalid: a rule names an unknown signal or an outcome, an aggregate that needs a window
            has none, or two rules make the same feature.
    """
    decided = learnt or Learnt()
    features = [
        feature
        for number, rule in enumerate(declaration.features)
        for feature in _of_rule(rule, declaration.signals, decided, number)
    ]
    names = [feature.name for feature in features]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(names) < 5000 else []
    if len(set(names)) < len(names):
        raise Invalid(
            f"Two feature rules make the same feature: {', '.join(twice[:5]) or 'many'}.",
            fix="remove one of the two rules, or one of its signals.",
        )
    if not features and not any(rule.vocabulary for rule in declaration.features):
        raise Invalid("The declaration makes no feature.", fix="add a rule under 'features'.")
    return FeatureSet(features=tuple(features))


def _of_rule(
    rule: FeatureRule, signals: dict[str, Signal], learnt: Learnt, number: int
) -> Iterator[Feature]:
    if rule.since:
        yield _since(rule)
    yield from _calendar(rule)
    for chosen in learnt.codes.get(number, ()):
        said = tuple(one for one in rule.aggregates if not chosen.static or one in OF_STATIC)
        own = replace(rule, aggregates=said)
        for feature in _of_signal(chosen.code, _signal_of(chosen), own, ()):
            yield replace(feature, mark=chosen.mark)
    for name in rule.signals:
        signal = signals.get(name)
        if signal is None or signal.role in ("outcome", "attribute"):
            what = "an outcome or attribute" if signal else "not a declared signal"
            raise Invalid(
                f"The feature rule names '{name}', which is {what}.",
                fix="name signals whose role is input or static.",
            )
        declared = tuple(dict.fromkeys((signal.categories or {}).values()))
        labels = learnt.categories.get(name, declared)
        for feature in _of_signal(name, signal, rule, labels):
            yield replace(feature, has_other=name in learnt.categories)


def _signal_of(chosen: ChosenCode) -> Signal:
    """A chosen code stands for itself: its own code is its label."""
    role: Literal["static", "input"] = "static" if chosen.static else "input"
    return Signal(label=chosen.code, code=chosen.code, unit=chosen.unit, role=role)


def _since(rule: FeatureRule) -> Feature:
    code = rule.since or ""
    stem = f"{code.split('//')[0].lower()}_{code.split('//')[-1]}"
    prefix = {"h": "hours_since", "d": "days_since", "a": "years_since"}[rule.unit]
    return Feature(
        name=f"{prefix}.{stem}",
        signal="",
        codes=(code,),
        label=rule.label or code,
        aggregate="hours_since",
        window_hours=None,
        unit=rule.unit,
    )


def _calendar(rule: FeatureRule) -> Iterator[Feature]:
    try:
        ZoneInfo(rule.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Invalid(
            f"'{rule.timezone}' is not a time zone.", fix="write one like Europe/Berlin, or UTC."
        ) from None
    for part in CALENDAR:
        if part in rule.calendar:
            yield Feature(
                name=part,
                signal="",
                codes=(),
                label=part.replace("_", " "),
                aggregate=part,
                window_hours=None,
                unit="1",
                timezone=rule.timezone,
            )


def _of_signal(
    name: str, signal: Signal, rule: FeatureRule, labels: tuple[str, ...]
) -> Iterator[Feature]:
    _check_order(name, signal, rule)
    ordered = OF_ORDERED if rule.encode == "ordinal" else ()
    for aggregate in rule.aggregates:
        if signal.role == "static" and aggregate not in OF_STATIC:
            raise Invalid(
                f"'{name}' is a static fact, so '{aggregate}' of it says nothing.",
                fix="give static signals a rule of their own with aggregates: [last].",
            )
        possible = (*OF_CATEGORIES, *ordered)
        if signal.is_categorical and aggregate not in (*possible, *OF_SPANS):
            raise Invalid(
                f"'{name}' is a category, so there is no '{aggregate}' of it.",
                fix=f"use one of: {', '.join(possible)}"
                + ("." if ordered else "; or for bands in an order, encode: ordinal."),
            )
        for hours in _windows(name, signal, aggregate, rule):
            yield from _encoded(_feature(name, signal, aggregate, hours, rule, labels), rule)


def _check_order(name: str, signal: Signal, rule: FeatureRule) -> None:
    if rule.encode == "ordinal" and signal.is_categorical and signal.categories is None:
        raise Invalid(
            f"'{name}' has no declared categories, so they have no order.",
            fix="list its categories in their order, or remove encode: ordinal.",
        )


def _windows(name: str, signal: Signal, aggregate: str, rule: FeatureRule) -> list[float | None]:
    if signal.role == "static":
        return [None]
    if aggregate in WINDOWLESS:
        return [hours_of(rule.lookback)]
    if not rule.windows:
        raise Invalid(f"'{aggregate}' of '{name}' needs a window.", fix="add windows: [6h, 24h].")
    if aggregate == "from_baseline" and (rule.baseline is None or "all" in rule.windows):
        raise Invalid(
            f"'from_baseline' of '{name}' needs a baseline before a window with a start.",
            fix="add baseline: 30 d, and windows other than all.",
        )
    return [None if window == "all" else hours_of(window) for window in rule.windows]


def _feature(
    name: str,
    signal: Signal,
    aggregate: str,
    hours: float | None,
    rule: FeatureRule,
    labels: tuple[str, ...],
) -> Feature:
    windowless = aggregate in WINDOWLESS or signal.role == "static"
    told = hours if not windowless or rule.lookback != EVER else None
    suffix = f".{told:g}h" if told is not None else "" if windowless else ".all"
    unit = UNITS.get(aggregate, signal.unit)
    if aggregate == "slope":
        unit = f"{signal.unit}/h" if signal.unit and signal.unit != "1" else "/h"
    return Feature(
        name=f"{name}.{aggregate}{suffix}",
        signal=name,
        codes=signal.codes,
        label=signal.label,
        aggregate=aggregate,
        window_hours=hours,
        unit=unit,
        categories=labels,
        event_unit=signal.unit,
        ordered=rule.encode == "ordinal",
        baseline_hours=hours_of(rule.baseline or "0 h") if aggregate == "from_baseline" else None,
    )


def _encoded(feature: Feature, rule: FeatureRule) -> Iterator[Feature]:
    """A categorical value as it is, or one yes-or-no feature for each label."""
    if rule.encode != "one_hot" or feature.aggregate != "last" or not feature.categories:
        yield feature
        return
    told = {**asdict(feature), "aggregate": "last_is", "unit": "1"}
    for label in feature.categories:
        yield Feature(**{**told, "name": f"{feature.name}.is_{label}", "category": label})


def feature_set_to_json(feature_set: FeatureSet) -> bytes:
    """Canonical JSON of a feature set, for the bundle."""
    return canonical_json({"features": [asdict(feature) for feature in feature_set.features]})


def feature_set_from_json(content: bytes) -> FeatureSet:
    """Read what `feature_set_to_json` wrote.

    Raises:
        Refused: it is in a form from before the first release, or in none (code
            `features_unreadable`).
    """
    try:
        rows = json.loads(content)["features"]
        features = tuple(
            Feature(**{**row, "codes": tuple(row["codes"]), "categories": tuple(row["categories"])})
            for row in rows
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Refused(
            "The features of this bundle are in a form that this version of Bedside does not read.",
            fix="build the model again, or use the version of Bedside that built it.",
            code="features_unreadable",
        ) from None
    return FeatureSet(features=features)
