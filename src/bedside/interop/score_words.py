"""A score in a sentence: the same words on every wire."""

from bedside.core.records.answer import Score
from bedside.core.records.declaration import Declaration
from bedside.core.units import display
from bedside.interop.predicted import horizon_words, outcome_label, value_unit

__all__ = ["each_prediction", "moved", "percent", "sureness", "verdict"]

MOST_DIGITS = 3


def percent(risk: float, *, digits: int = 0) -> str:
    """A risk in per cent; never `0 %` or `100 %`, which would claim certainty.

    >>> percent(0.034), percent(0.0004), percent(0.9999), percent(0.034, digits=1)
    ('3 %', 'under 1 %', 'over 99 %', '3.4 %')
    """
    least = 10.0**-digits
    if risk * 100 < least:
        return f"under {least:.{digits}f} %"
    if risk * 100 > 100 - least:
        return f"over {100 - least:.{digits}f} %"
    return f"{risk * 100:.{digits}f} %"


def verdict(score: Score, declaration: Declaration) -> str:
    """What is predicted, how far that is sure, and on which side of the alert threshold it is."""
    kind = declaration.question.outcome.kind
    limit = ""
    if kind == "regression":
        label = outcome_label(declaration) or "predicted value"
        told = f"{label} {_number(score.risk, declaration)}"
        limit = "" if score.threshold is None else _number(score.threshold, declaration)
    elif score.threshold is None:
        told = f"{_what(score, declaration)} {percent(score.risk)}"
    else:
        risk, limit = _apart(score.risk, score.threshold)
        told = f"{_what(score, declaration)} {risk}"
    told += _bounds(score, declaration)
    if not limit:
        return told
    return f"{told}, {'at or above' if score.alert else 'below'} the alert threshold of {limit}"


def moved(declaration: Declaration) -> str:
    """What a reason raises or lowers."""
    outcome = declaration.question.outcome
    if outcome.kind == "multiclass":
        return f"chance of anything but {outcome.levels[0]}"
    return {"regression": "value", "ordinal": "predicted level"}.get(outcome.kind, "risk")


def sureness(score: Score, declaration: Declaration) -> str:
    """What the bounds and the labels beside a score mean; empty where there are none."""
    coverage = declaration.uncertainty.coverage
    share = "" if coverage is None else percent(coverage, digits=_digits(coverage))
    told = []
    if score.likely is not None:
        told.append(f"Cannot be ruled out with {share} coverage: {'; '.join(score.likely)}.")
    if score.low is not None and declaration.question.outcome.kind == "regression":
        told.append(f"The bounds hold the truth with {share} coverage.")
    elif score.low is not None:
        told.append(
            "The two bounds are the risks that calibration gives if one more patient like this "
            "one had no event, and if one more had it; the wider they are, the fewer there were."
        )
    return " ".join(told)


def each_prediction(score: Score, declaration: Declaration) -> tuple[str, ...]:
    """One line for each horizon or level; none of a model of one number."""
    if declaration.question.outcome.kind != "survival":
        return tuple(f"{level}: {percent(chance)}" for level, chance in score.outputs)
    label = outcome_label(declaration) or "the event"
    return tuple(
        f"{label} within {horizon_words(horizon)}: {percent(risk)}"
        for horizon, risk in score.outputs
    )


def _what(score: Score, declaration: Declaration) -> str:
    """What the one number of a score is the risk of."""
    outcome = declaration.question.outcome
    if outcome.kind == "survival":
        label = outcome_label(declaration) or "the event"
        return f"risk of {label} within {horizon_words(outcome.horizons[-1])}"
    if outcome.kind in ("multiclass", "ordinal"):
        best = max(score.outputs, key=lambda one: one[1], default=None)
        most = "" if best is None else f"most likely {best[0]} ({percent(best[1])}); "
        return f"{most}chance of any but {outcome.levels[0]}"
    return "risk"


def _bounds(score: Score, declaration: Declaration) -> str:
    if score.low is None or score.high is None:
        return ""
    if declaration.question.outcome.kind == "regression":
        low, high = (_number(one, declaration) for one in (score.low, score.high))
    else:
        low, high = _apart(score.low, score.high)
    return f", between {low} and {high}"


def _apart(one: float, two: float) -> tuple[str, str]:
    """Two risks with as many digits as it takes to tell them apart, if three are enough."""
    for digits in range(MOST_DIGITS + 1):
        first, second = percent(one, digits=digits), percent(two, digits=digits)
        if first != second:
            return first, second
    return percent(one), percent(two)


def _number(value: float, declaration: Declaration) -> str:
    """Three significant digits, and the unit as clinicians write it."""
    if round(abs(value)) >= 1000:
        told = f"{value:,.0f}"
    else:
        told = f"{float(f'{value:.3g}'):.12f}".rstrip("0").rstrip(".")
    return f"{told} {display(value_unit(declaration))}".strip()


def _digits(share: float) -> int:
    """Of a share in per cent, so that 99.5 % is not told as 100 %."""
    return 0 if abs(share * 100 - round(share * 100)) < 1e-9 else 1
