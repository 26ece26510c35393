"""One test of a run, and how the tests of a run are judged together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bedside.metrics.multiplicity import holm
from bedside.monitor.disclosure import significant
from bedside.monitor.wording import chance

__all__ = ["MINIMUM_EFFECTS", "Check", "Kind", "Severity", "judge"]

Kind = Literal["inputs", "predictions", "performance", "calibration", "subgroup", "quality"]
Severity = Literal["high", "medium", "low"]
_RANK = {"high": 0, "medium": 1, "low": 2}

MINIMUM_EFFECTS = {
    "distribution": "a population stability index of at least 0.1",
    "missing": "a share of missing or unusual values that changes by at least 0.05",
    "share": "a share that changes by at least 0.05, or by a quarter of itself",
    "auroc": "an AUROC that changes by at least 0.02",
    "brier": "a Brier score that changes by at least 10 % of itself",
    "calibration": "expected over observed that changes by at least 10 %",
    "slope": "a calibration slope that changes by at least 0.1",
    "group calibration": "observed minus expected that changes by at least 0.02 per patient",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One test: its p-value, whether the effect is large enough to matter, and what to say.

    `shown_in` is the part of the report that the test belongs to; it gets `p_adjusted`.
    """

    name: str
    what: str
    kind: Kind
    rule: str
    p: float
    large: bool
    severity: Severity
    text: str
    shown_in: dict[str, Any]
    advice: str = ""


def judge(
    checks: Sequence[Check], *, alpha: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Adjust all p-values of a run together, and turn what is more than chance into findings.

    Returns:
        The findings, most severe first, and one line for each test.
    """
    adjusted = holm([check.p for check in checks]).tolist()
    findings, lines = [], []
    for check, p_adjusted in zip(checks, adjusted, strict=True):
        found = p_adjusted <= alpha and check.large
        check.shown_in["p_adjusted"] = significant(p_adjusted)
        check.shown_in["moved"] = found
        lines.append(
            {
                "name": check.name,
                "p": significant(check.p),
                "p_adjusted": significant(p_adjusted),
                "more_than_chance": p_adjusted <= alpha,
                "large_enough": check.large,
                "minimum_effect": MINIMUM_EFFECTS[check.rule],
            }
        )
        if found:
            findings.append((_RANK[check.severity], p_adjusted, check))
    findings.sort(key=lambda found: (found[0], found[1], found[2].name))
    return [_finding(check, p_adjusted) for _, p_adjusted, check in findings], lines


def _finding(check: Check, p_adjusted: float) -> dict[str, Any]:
    advice = f" {check.advice}" if check.advice else ""
    return {
        "what": check.what,
        "kind": check.kind,
        "severity": check.severity,
        "text": f"{check.text}; {chance(p_adjusted)}.{advice}",
    }
