"""A live figure and a bound on it in plain words."""

from collections.abc import Mapping, Sequence
from typing import Any

from bedside.core.records.rollout import LIVE_RATES, Guard, LiveGate, is_live_count
from bedside.metrics.names import METRICS, metrics_by

__all__ = ["bound_words", "figure_words", "number_words", "title_of"]

_TITLES = {
    "answers": "answers",
    "subjects": "patients",
    "judged": "answers with a known outcome",
    "at_risk": "answers followed past the last horizon without an event",
    "failure_rate": "failures",
    "abstention_rate": "abstentions",
    "alert_rate": "alerts",
    "latency_p50_ms": "latency, median",
    "latency_p99_ms": "latency, 99th percentile",
}
_END = {"low": "the lower end ", "high": "the upper end ", "estimate": ""}


_AT_HORIZON = {
    "judged": "answers with a known outcome by {} days",
    "at_risk": "answers followed past {} days without an event",
}


def title_of(metric: str, horizons: Sequence[float] = ()) -> str:
    """What a live figure is called; of a time until an event, with its horizon in days.

    >>> title_of("failure_rate"), title_of("auroc"), title_of("brier", (365.0, 1096.0))
    ('failures', 'AUROC', 'Brier score at 1,096 days')
    >>> title_of("judged_at_365_days", (365.0, 1096.0))
    'answers with a known outcome by 365 days'
    """
    plain, _, when = metric.partition("_at_")
    if plain in _AT_HORIZON and (when or horizons):
        day = float(when.removesuffix("_days")) if when else horizons[-1]
        return _AT_HORIZON[plain].format(f"{day:,g}")
    named = metrics_by(horizons[-1]) if horizons else METRICS
    return _TITLES.get(metric) or named[metric].title


def number_words(metric: str, value: float) -> str:
    """One number with its unit.

    >>> number_words("failure_rate", 0.0123), number_words("latency_p99_ms", 12.34)
    ('1.2 %', '12.3 ms')
    """
    if is_live_count(metric):
        return f"{value:,.0f}"
    if metric.endswith("_ms"):
        return f"{round(value, 1):,} ms".replace(".0 ms", " ms")
    if metric in LIVE_RATES or METRICS[metric].style == "share":
        return f"{round(100 * value, 1):g} %"
    return f"{value:.3f}"


def figure_words(metric: str, figure: Mapping[str, Any] | None) -> str:
    """A figure with its 95 % interval, or why there is none.

    >>> figure_words("failure_rate", {"estimate": 0.0, "low": 0.0, "high": 0.029, "n": 125})
    '0 % (0 to 2.9 %)'
    """
    if figure is None or figure["estimate"] is None:
        return f"not known yet ({(figure or {}).get('why') or 'no outcome has come'})"
    text = number_words(metric, figure["estimate"])
    if is_live_count(metric):
        return text
    low, high = figure["low"], figure["high"]
    if low is None and high is None:
        return f"{text} (too few to say how sure)"
    if low is None or high is None:
        end = f"at most {number_words(metric, high)}" if low is None else None
        end = end or f"at least {number_words(metric, low)}"
        return f"{text} ({end})"
    unit = " %" if text.endswith(" %") else " ms" if text.endswith(" ms") else ""
    return (
        f"{text} ({number_words(metric, low).removesuffix(unit)} to {number_words(metric, high)})"
    )


def bound_words(bound: LiveGate | Guard) -> str:
    """What is wanted.

    >>> bound_words(LiveGate(metric="auroc", at_least=0.9, bound="low"))
    'the lower end at least 0.900'
    """
    end = _END[bound.bound] if isinstance(bound, LiveGate) else ""
    parts = [
        f"{word} {number_words(bound.metric, value)}"
        for word, value in (("at least", bound.at_least), ("at most", bound.at_most))
        if value is not None
    ]
    return end + " and ".join(parts)
