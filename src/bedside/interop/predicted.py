"""What a model predicts, in the words of its declaration."""

from bedside.core.clock import days_of
from bedside.core.records.declaration import Declaration, Signal
from bedside.core.records.question_grammar import outcome_name

__all__ = [
    "horizon_words",
    "label_words",
    "outcome_label",
    "output_names",
    "value_unit",
]

_YEAR = 365.25  # days


def outcome_label(declaration: Declaration) -> str | None:
    """What comes true, in clinical words, where a signal says it."""
    signal = _signal(declaration)
    return None if signal is None else signal.label


def label_words(declaration: Declaration) -> tuple[str, ...]:
    """The labels that an answer may not be able to rule out, by their index."""
    outcome = declaration.question.outcome
    if outcome.kind in ("multiclass", "ordinal"):
        return outcome.levels
    label = outcome_label(declaration)
    return ("no event", "event") if label is None else (f"{label}: no", f"{label}: yes")


def output_names(declaration: Declaration) -> tuple[str, ...]:
    """What each of several predictions is of: a horizon or a level, as declared; else none."""
    outcome = declaration.question.outcome
    return outcome.horizons if outcome.kind == "survival" else outcome.levels


def value_unit(declaration: Declaration) -> str | None:
    """The UCUM unit of a predicted number."""
    signal = _signal(declaration)
    return None if signal is None else signal.unit


def horizon_words(duration: str) -> str:
    """A horizon in whole years or days, where it is that; else as it was declared.

    >>> [horizon_words(one) for one in ("365 d", "1826 d", "1 d", "30 days", "24 h", "90 min")]
    ['1 year', '5 years', '1 day', '30 days', '1 day', '90 min']
    """
    days = days_of(duration)
    years = round(days / _YEAR)
    if years and abs(days - years * _YEAR) <= 1:
        return f"{years} year{'s' * (years > 1)}"
    if days >= 1 and days == int(days):
        return f"{int(days)} day{'s' * (days > 1)}"
    return duration


def _signal(declaration: Declaration) -> Signal | None:
    """The outcome signal whose code is that of the predicate that must come true."""
    question = declaration.question
    predicate = question.predicates.get(outcome_name(question) or "")
    outcomes = [one for one in declaration.signals.values() if one.role == "outcome"]
    if predicate is not None:
        return next((one for one in outcomes if predicate.code in one.codes), None)
    return outcomes[0] if len(outcomes) == 1 else None
