"""The verdict on a model in three sentences: what it predicts, how well, may it go on."""

from collections.abc import Mapping, Sequence
from typing import Any

from bedside.core.clock import days_of
from bedside.core.records.declaration import Declaration
from bedside.core.records.version import GateResult
from bedside.metrics.names import METRICS

__all__ = ["gate_text", "headline", "per_thousand", "verdict"]

_LEADING = {
    "binary": (
        "auroc",
        "it ranks a case with the outcome above a case without it in {share} of all pairs",
    ),
    "survival": (
        "harrell_c",
        "of two patients it gives the higher risk to the one who has the event first in {share} of "
        "all pairs",
    ),
    "multiclass": (
        "macro_auroc",
        "it gives a case of a level the higher chance of it in {share} of all pairs",
    ),
    "ordinal": (
        "ordinal_c",
        "of two patients it places the one of the higher level higher in {share} of all pairs",
    ),
    "regression": ("mae", "its value is off by {value} on average"),
}
_HEADLINE = (
    "auroc", "harrell_c", "macro_auroc", "ordinal_c", "accuracy", "mae", "r2", "normalised_utility",
    "expected_observed_ratio", "brier", "integrated_brier", "sensitivity", "ppv",
    "event_sensitivity", "alerts_per_patient_day",
)  # fmt: skip
_AT_MOST = 6


def verdict(
    declaration: Declaration, evidence: Mapping[str, Any], gates: Sequence[GateResult]
) -> tuple[str, str, str]:
    """What it predicts; how well, with intervals; whether the gates pass."""
    return _what(declaration), _how_well(declaration, evidence), _gates(gates)


def _what(declaration: Declaration) -> str:
    use, asked = declaration.intended_use, declaration.question
    kind = {
        "binary": "gives the risk that the answer is yes",
        "survival": f"gives the risk within {_listed(_days(asked.outcome.horizons))} days",
        "multiclass": f"gives a chance to each of {len(asked.outcome.levels)} answers",
        "ordinal": f"gives a chance to each of {len(asked.outcome.levels)} ordered answers",
        "regression": "gives a value",
    }[asked.outcome.kind]
    return (
        f"It is asked: {asked.ask.rstrip('?.')}? It {kind}, to help {_listed(use.users)} decide "
        f"{use.decision}."
    )


def _days(horizons: Sequence[str]) -> list[str]:
    return [f"{days_of(one):,g}" for one in horizons]


def _how_well(declaration: Declaration, evidence: Mapping[str, Any]) -> str:
    name, words = _LEADING[declaration.question.outcome.kind]
    figure = evidence["metrics"].get(name, {"estimate": None})
    subjects = evidence["counts"]["held_out"]["subjects"]
    if figure["estimate"] is None:
        return f"On {subjects:,} held-out patients it could not be measured how well it does."
    share = f"{100 * figure['estimate']:.1f}\u00a0%"
    said = words.format(share=share, value=f"{figure['estimate']:.3g}")
    said = f"On {subjects:,} held-out patients, {said} ({_interval(figure)}"
    plain = evidence["baseline"].get(name, {"estimate": None})
    if plain["estimate"] is not None:
        said += f"; a plain regression on the same features: {plain['estimate']:.3f}"
    return f"{said}){_on_average(evidence['metrics'])}."


def _listed(words: Sequence[str]) -> str:
    """Words with commas, and "and" before the last.

    >>> _listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _interval(figure: Mapping[str, Any]) -> str:
    if figure["low"] is None:
        return f"{figure['estimate']:.3f}, no interval"
    return (
        f"{figure['estimate']:.3f}, 95\u00a0% interval {figure['low']:.3f} to {figure['high']:.3f}"
    )


def _on_average(metrics: Mapping[str, Any]) -> str:
    """Whether the risks are right on average, by the interval of expected over observed."""
    ratio = metrics.get("expected_observed_ratio")
    if ratio is None or ratio["low"] is None:
        return ""
    if ratio["low"] > 1:
        return f", and its risks are too high on average ({ratio['estimate']:.2f} times)"
    if ratio["high"] < 1:
        return f", and its risks are too low on average ({ratio['estimate']:.2f} times)"
    return (
        ", and nothing shows that its risks are too high or too low on average "
        f"({ratio['estimate']:.2f} expected for each event)"
    )


def _gates(gates: Sequence[GateResult]) -> str:
    failed = [gate for gate in gates if not gate.passed]
    if not gates:
        return "No gate is declared, so nothing stops a poor model."
    if not failed:
        many = f"All {len(gates)} gates pass" if len(gates) > 1 else "The one gate passes"
        return f"{many}, so a person may approve it."
    names = _listed([_title(gate.metric) for gate in failed])
    return f"{len(failed)} of {len(gates)} gates fail, so it cannot be approved: {names}."


def gate_text(gate: GateResult) -> str:
    """A gate in words, for those who do not know the metric's name in the declaration.

    >>> gate_text(GateResult(metric="auroc", passed=True, text="auroc of age_band: 0.8 is enough"))
    'AUROC of age band: 0.8 is enough'
    """
    what, colon, found = gate.text.removeprefix(gate.metric).partition(":")
    return f"{_title(gate.metric)}{what.replace('_', ' ')}{colon}{found}"


def _title(metric: str) -> str:
    return METRICS[metric].title if metric in METRICS else metric


def headline(declaration: Declaration, metrics: Mapping[str, Any]) -> list[str]:
    """The few figures that are shown large, by name."""
    first = _LEADING[declaration.question.outcome.kind][0]
    names = [first, *(name for name in _HEADLINE if name != first)]
    told = [name for name in names if metrics.get(name, {}).get("estimate") is not None]
    return told[:_AT_MOST]


def per_thousand(metrics: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    """Shares of all predictions: found, missed, falsely alerted, rightly left in peace.

    They come from the share that alerts, and how often alerts and silence are right, so that
    censored patients count as far as they were followed.

    >>> told = {"alert_rate": 0.5, "ppv": 0.8, "npv": 0.9}
    >>> shares = per_thousand({name: {"estimate": value} for name, value in told.items()})
    >>> [round(part, 3) for part in shares]
    [0.4, 0.05, 0.1, 0.45]
    """
    alerted, right, quiet = (
        metrics.get(name, {}).get("estimate") for name in ("alert_rate", "ppv", "npv")
    )
    if alerted is None or (right is None and alerted > 0) or (quiet is None and alerted < 1):
        return None
    right, quiet = right or 0.0, quiet or 0.0
    silent = 1 - alerted
    return alerted * right, silent * (1 - quiet), alerted * (1 - right), silent * quiet
