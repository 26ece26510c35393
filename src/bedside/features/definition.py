"""What a feature is, and how the rules of a declaration become a list of features."""

import json
from dataclasses import asdict, dataclass

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Declaration, FeatureRule, Signal

__all__ = ["Feature", "FeatureSet", "expand", "feature_set_from_json", "feature_set_to_json"]

WINDOWLESS = ("last", "age")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One number about a subject at a prediction time.

    `aggregate` is taken over the events of `code` in the `window_hours` before the prediction
    time (None: the whole record). `unit` is the UCUM unit of the result; hours for `age`.
    `categories` are the labels whose index is the value, for a categorical signal.
    """

    name: str
    signal: str
    code: str
    label: str
    aggregate: str
    window_hours: float | None
    unit: str | None
    categories: tuple[str, ...] = ()


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
        return tuple(dict.fromkeys(feature.code for feature in self.features))

    def categories(self) -> dict[str, tuple[str, ...]]:
        """Category labels by code, for the codes whose events carry text."""
        return {f.code: f.categories for f in self.features if f.categories}


def expand(declaration: Declaration) -> FeatureSet:
    """The features that a declaration's rules ask for.

    Raises:
        Invalid: a rule names an unknown signal or an outcome, an aggregate that needs a window
            has none, or two rules make the same feature.
    """
    features = [
        feature
        for rule in declaration.features
        for feature in (_since(rule) if rule.since else _of_rule(rule, declaration.signals))
    ]
    names = [feature.name for feature in features]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Invalid(
            f"Two feature rules make the same feature: {', '.join(twice)}.",
            fix="remove one of the two rules, or one of its signals.",
        )
    if not features:
        raise Invalid("The declaration makes no feature.", fix="add a rule under 'features'.")
    return FeatureSet(features=tuple(features))


def _since(rule: FeatureRule) -> list[Feature]:
    code = rule.since or ""
    label = rule.label or code
    name = f"hours_since.{code.split('//')[0].lower()}_{code.split('//')[-1]}"
    return [
        Feature(
            name=name,
            signal="",
            code=code,
            label=label,
            aggregate="age",
            window_hours=None,
            unit="h",
        )
    ]


def _of_rule(rule: FeatureRule, signals: dict[str, Signal]) -> list[Feature]:
    made: list[Feature] = []
    for name in rule.signals:
        signal = signals.get(name)
        if signal is None or signal.role in ("outcome", "attribute"):
            what = "an outcome or attribute" if signal else "not a declared signal"
            raise Invalid(
                f"The feature rule names '{name}', which is {what}.",
                fix="name signals whose role is input or static.",
            )
        for aggregate in rule.aggregates:
            made.extend(_of_aggregate(name, signal, aggregate, rule))
    return made


def _of_aggregate(name: str, signal: Signal, aggregate: str, rule: FeatureRule) -> list[Feature]:
    if signal.role == "static" and aggregate != "last":
        raise Invalid(
            f"'{name}' is a static fact, so '{aggregate}' of it says nothing.",
            fix="give static signals a rule of their own with aggregates: [last].",
        )
    windows: list[float | None]
    if signal.role == "static":
        windows = [None]
    elif aggregate in WINDOWLESS:
        windows = [_hours(rule.lookback)]
    else:
        windows = [_hours(window) for window in rule.windows]
        if not windows:
            raise Invalid(
                f"'{aggregate}' of '{name}' needs a window.", fix="add windows: [6h, 24h]."
            )
    unit = {"age": "h", "count": "1"}.get(aggregate, signal.unit)
    categories = tuple(dict.fromkeys(signal.categories.values())) if signal.categories else ()
    return [
        Feature(
            name=f"{name}.{aggregate}"
            + ("" if hours is None or aggregate in WINDOWLESS else f".{hours:g}h"),
            signal=name,
            code=signal.code,
            label=signal.label,
            aggregate=aggregate,
            window_hours=hours,
            unit=unit,
            categories=categories if aggregate == "last" else (),
        )
        for hours in windows
    ]


def _hours(text: str) -> float:
    return parse_duration(text).total_seconds() / 3600


def feature_set_to_json(feature_set: FeatureSet) -> bytes:
    """Canonical JSON of a feature set, for the bundle."""
    return canonical_json({"features": [asdict(feature) for feature in feature_set.features]})


def feature_set_from_json(content: bytes) -> FeatureSet:
    """Read what `feature_set_to_json` wrote."""
    rows = json.loads(content)["features"]
    return FeatureSet(
        features=tuple(Feature(**{**row, "categories": tuple(row["categories"])}) for row in rows)
    )
