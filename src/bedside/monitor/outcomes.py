"""What comes out of the model, and what came true: risks, alerts, outcomes and performance."""

from typing import Any

import numpy as np

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.metrics.arrays import Floats
from bedside.metrics.drift import estimates_p_value, means_p_value, proportions_p_value
from bedside.monitor.binning import count_in
from bedside.monitor.checks import Check, Kind
from bedside.monitor.disclosure import nearest_count
from bedside.monitor.figures import (
    difference_of,
    estimate_of,
    ratio_of,
    share_of,
    share_of_range,
)
from bedside.monitor.inputs import compare_counts
from bedside.monitor.performance import hanley_mcneil_error, performance_of
from bedside.monitor.wording import number, per_cent

__all__ = [
    "auroc_check",
    "auroc_with_error",
    "compare_outcomes",
    "compare_performance",
    "compare_predictions",
]

Figures = dict[str, Any]


def compare_predictions(reference: Figures, risk: Floats) -> tuple[Figures, list[Check]]:
    """The distribution of the risks and the share that alerts, then and now."""
    checks = []
    counts = count_in(reference["risk"]["edges"], risk).astype(np.float64)
    shown, p = compare_counts(reference["risk"], reference["n_subjects"], counts)
    now = float(np.median(risk))
    said = per_cent if reference.get("predicts", "risk") == "risk" else number
    shown["typical"] = {"then": reference["risk"]["median"], "now": float(f"{now:.2e}")}
    if p is not None:
        checks.append(
            Check(
                name="predicted risk",
                what="predicted risk",
                kind="predictions",
                rule="distribution",
                p=p,
                large=shown["psi"] >= 0.1,
                severity="high" if shown["psi"] >= 0.25 else "medium",
                text="The predictions are spread differently: the typical (median) one was "
                f"{said(reference['risk']['median'])} and is {said(now)}",
                shown_in=shown,
            )
        )
    if reference["threshold"] is None:
        return {"risk": shown, "alert_rate": None}, checks
    alerts, check = _share_check(
        reference["alerts"],
        reference["n_subjects"],
        int((risk >= reference["threshold"]).sum()),
        risk.size,
        what="alert rate",
        kind="predictions",
        words="The share of patients that alerts",
    )
    return {"risk": shown, "alert_rate": alerts}, [*checks, check]


def compare_outcomes(reference: Figures, label: Floats) -> tuple[Figures, list[Check]]:
    """The share with the outcome, then and now, among the subjects whose label has come."""
    prevalence, check = _share_check(
        reference["outcomes"],
        reference["n_subjects"],
        int(label.sum()),
        label.size,
        what="outcome prevalence",
        kind="performance",
        words="The share of patients with the outcome",
    )
    return {"prevalence": prevalence}, [check]


def compare_performance(
    reference: Figures, label: Floats, risk: Floats
) -> tuple[Figures | None, list[Check], str | None]:
    """AUROC, Brier score and calibration against the reference.

    Returns:
        The figures, the tests made, and why it cannot be judged (then the others are empty).
    """
    then, now = reference["performance"], performance_of(label, risk)
    if then is None or now is None:
        when = "when the model was released" if then is None else "now"
        return (
            None,
            [],
            (
                f"Performance: {SUPPRESS_AT_OR_BELOW} patients or fewer have the outcome, or "
                f"have it not, {when}."
            ),
        )
    figures = {
        "auroc": _trio(auroc_with_error(now), auroc_with_error(then), now["n"], most=1.0),
        "brier": _trio(_mean_of(now, "brier"), _mean_of(then, "brier"), now["n"], most=1.0),
        "expected_observed_ratio": {
            "then": _eo(then),
            "now": _eo(now),
            "difference": _eo_change(then, now),
        },
        "calibration_slope": _slope_trio(then, now),
    }
    checks = [
        auroc_check(then, now, figures["auroc"], name="auroc", of="", kind="performance"),
        _brier_check(then, now, figures["brier"]),
        _large_check(then, now, figures["expected_observed_ratio"]),
        _slope_check(then, now, figures["calibration_slope"]),
    ]
    return figures, checks, None


def auroc_check(
    then: Figures, now: Figures, shown_in: Figures, *, name: str, of: str, kind: Kind
) -> Check:
    """Whether the ranking became better or worse.

    The standard error is the larger of DeLong's and of the one that an AUROC of the pooled size
    has, so that a sample that happens to be ranked perfectly does not look infinitely sure.
    """
    a, b = then["auroc"]["estimate"], now["auroc"]["estimate"]
    pooled = (a * then["positives"] + b * now["positives"]) / (then["positives"] + now["positives"])
    errors = [
        max(
            side["auroc"]["se"],
            hanley_mcneil_error(pooled, side["positives"], side["n"] - side["positives"]),
        )
        for side in (then, now)
    ]
    way, severity = ("fell", "high") if b < a else ("rose", "low")
    return Check(
        name=name,
        what="auroc",
        kind=kind,
        rule="auroc",
        p=estimates_p_value(a, errors[0], b, errors[1]),
        large=abs(a - b) >= 0.02,
        severity="high" if severity == "high" else "low",
        text=f"The model ranks patients {'worse' if b < a else 'better'}{of}: AUROC {way} from "
        f"{a:.3f} to {b:.3f}",
        shown_in=shown_in,
        advice="" if b < a else "Ask whether the outcome has begun to leak into the inputs.",
    )


def _brier_check(then: Figures, now: Figures, shown_in: Figures) -> Check:
    a, b = then["brier"]["estimate"], now["brier"]["estimate"]
    return Check(
        name="brier",
        what="brier",
        kind="performance",
        rule="brier",
        p=_mean_p(then, now, "brier"),
        large=abs(b - a) >= 0.1 * a,
        severity="high" if b > a else "low",
        text=f"The risks lie {'farther from' if b > a else 'nearer to'} what came true: the Brier "
        f"score {'rose' if b > a else 'fell'} from {number(a)} to {number(b)}",
        shown_in=shown_in,
    )


def _large_check(then: Figures, now: Figures, shown_in: Figures) -> Check:
    a = then["expected_observed_ratio"]["estimate"]
    b = now["expected_observed_ratio"]["estimate"]
    high = b > 1
    return Check(
        name="calibration in the large",
        what="expected_observed_ratio",
        kind="calibration",
        rule="calibration",
        p=_mean_p(then, now, "excess"),
        large=abs(float(np.log(b / a))) >= float(np.log(1.1)),
        severity="high" if abs(np.log(b)) > abs(np.log(a)) else "low",
        text=f"The risks are {'too high' if high else 'too low'} on average: for each outcome that "
        f"came true {b:.2f} were predicted; it was {a:.2f}",
        shown_in=shown_in,
    )


def _slope_check(then: Figures, now: Figures, shown_in: Figures) -> Check:
    information = (then["information"] + now["information"]) / 2
    change = (now["stretch"]["estimate"] - then["stretch"]["estimate"]) / max(information, 1e-12)
    extreme = change < 0
    return Check(
        name="calibration slope",
        what="calibration_slope",
        kind="calibration",
        rule="slope",
        p=_mean_p(then, now, "stretch"),
        large=abs(change) >= 0.1,
        severity="high" if extreme else "medium",
        text="The risks have become "
        + (
            "too extreme: high ones are too high, low ones too low"
            if extreme
            else "too timid: high ones are too low, low ones too high"
        )
        + _slope_words(shown_in),
        shown_in=shown_in,
    )


def _slope_words(shown: Figures) -> str:
    a, b = shown["then"]["estimate"], shown["now"]["estimate"]
    return "" if a is None or b is None else f" (calibration slope {a:.2f} then, {b:.2f} now)"


def _mean_p(then: Figures, now: Figures, name: str) -> float:
    a, b = then[name], now[name]
    return means_p_value((a["estimate"], a["sd"], then["n"]), (b["estimate"], b["sd"], now["n"]))


def auroc_with_error(side: Figures) -> tuple[float, float, int]:
    """AUROC, its standard error (never 0) and the number of subjects."""
    area, positives = side["auroc"]["estimate"], side["positives"]
    floor = hanley_mcneil_error(area, positives, side["n"] - positives)
    return area, max(side["auroc"]["se"], floor), side["n"]


def _mean_of(side: Figures, name: str) -> tuple[float, float, int]:
    return side[name]["estimate"], side[name]["sd"] / float(np.sqrt(side["n"])), side["n"]


def _trio(
    now: tuple[float, float, int], then: tuple[float, float, int], n: int, *, most: float
) -> Figures:
    return {
        "then": estimate_of(*then, least=0.0, most=most),
        "now": estimate_of(*now, least=0.0, most=most),
        "difference": difference_of(now[0], now[1], then[0], then[1], n),
    }


def _eo(side: Figures) -> Figures:
    found = side["expected_observed_ratio"]
    return ratio_of(found["estimate"], found["se_log"], side["n"])


def _eo_change(then: Figures, now: Figures) -> Figures:
    a, b = then["expected_observed_ratio"], now["expected_observed_ratio"]
    errors = [side["estimate"] * side["se_log"] for side in (b, a)]
    return difference_of(b["estimate"], errors[0], a["estimate"], errors[1], now["n"])


def _slope_trio(then: Figures, now: Figures) -> Figures:
    a, b = then["calibration_slope"], now["calibration_slope"]
    why = "the risks separate the outcomes, so that a slope has no end"
    none = {"estimate": None, "low": None, "high": None, "n": now["n"], "why": why}
    out = {"then": none | {"n": then["n"]}, "now": none, "difference": none}
    if a is not None:
        out["then"] = estimate_of(a["estimate"], a["se"], then["n"])
    if b is not None:
        out["now"] = estimate_of(b["estimate"], b["se"], now["n"])
    if a is not None and b is not None:
        out["difference"] = difference_of(b["estimate"], b["se"], a["estimate"], a["se"], now["n"])
    return out


def _share_check(
    then: list[int], total_then: int, now: int, total: int, *, what: str, kind: Kind, words: str
) -> tuple[Figures, Check]:
    before = nearest_count(then[0], then[1], total=total_then, share=now / total)
    a, b = before / total_then, now / total
    shown: Figures = {"then": share_of_range(then, total_then), "now": share_of(now, total)}
    return shown, Check(
        name=what,
        what=what,
        kind=kind,
        rule="share",
        p=float(proportions_p_value(before, total_then, now, total)),
        large=abs(a - b) >= 0.05 or abs(a - b) >= 0.25 * max(a, 1e-12),
        severity="medium",
        text=f"{words} went from {_shown(shown['then'])} to {_shown(shown['now'])}",
        shown_in=shown,
    )


def _shown(share: Figures) -> str:
    if share["estimate"] is None:
        return f"a share with {SUPPRESS_AT_OR_BELOW} patients or fewer on one side"
    return per_cent(share["estimate"])
