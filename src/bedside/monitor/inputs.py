"""What goes into the model: each feature's distribution and how often it is missing."""

from typing import Any

import numpy as np

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.metrics.arrays import Floats
from bedside.metrics.drift import (
    counts_p_value,
    kolmogorov_smirnov_distance,
    population_stability_index,
    proportions_p_value,
)
from bedside.monitor.binning import apart_from, count_in
from bedside.monitor.checks import Check, Severity
from bedside.monitor.disclosure import hide_small, nearest_count, significant
from bedside.monitor.figures import share_of, share_of_range
from bedside.monitor.wording import per_cent, quantity, unit_advice

__all__ = ["compare_counts", "compare_inputs", "effective_counts"]


def compare_inputs(
    reference: dict[str, Any], matrix: Floats
) -> tuple[list[dict[str, Any]], list[Check], list[str]]:
    """Compare each feature with the reference.

    Args:
        reference: From `make_reference`.
        matrix: Shape (n, k), one row per subject, columns in the reference's order.

    Returns:
        One entry per feature, the tests made, and what cannot be judged.
    """
    entries, checks = [], []
    missing_now = np.isnan(matrix).sum(axis=0)
    missing_then = _missing_then(reference, missing_now / matrix.shape[0])
    p_missing = proportions_p_value(
        missing_then, reference["n_subjects"], missing_now, matrix.shape[0]
    )
    for column, feature in enumerate(reference["features"]):
        values = matrix[:, column]
        entry: dict[str, Any] = {key: feature[key] for key in ("name", "label", "unit")}
        entry["missing"] = {
            "then": share_of_range(feature["missing"], reference["n_subjects"]),
            "now": share_of(int(missing_now[column]), values.size),
        }
        checks.append(
            _missing_check(
                entry,
                total_then=reference["n_subjects"],
                total=values.size,
                then=int(missing_then[column]),
                now=int(missing_now[column]),
                p=float(p_missing[column]),
            )
        )
        moved = _distribution_check(reference, feature, entry, values[~np.isnan(values)])
        if moved is not None:
            checks.append(moved)
        entries.append(entry)
    return entries, checks, _unknown(entries)


def _unknown(entries: list[dict[str, Any]]) -> list[str]:
    """One sentence for each reason why features cannot be judged."""
    by_reason: dict[str, list[str]] = {}
    for entry in entries:
        if "why" in entry:
            by_reason.setdefault(entry["why"], []).append(f"'{entry['label']}'")
    return [
        f"Whether the values of {', '.join(labels)} moved: {why}."
        for why, labels in by_reason.items()
    ]


def effective_counts(described: dict[str, Any], subjects: int) -> Floats:
    """Reference counts as a test may use them: up to ten that were spread in are taken out."""
    counts = np.asarray(described["counts"], dtype=np.float64)
    if described["missing"][0] == described["missing"][1]:
        return counts
    return counts * (1 - min(SUPPRESS_AT_OR_BELOW, subjects - 1) / subjects)


def compare_counts(
    described: dict[str, Any], subjects: int, counts: Floats
) -> tuple[dict[str, Any], float | None]:
    """The entry of a distribution, counted then and now in the same bins, and its p-value."""
    then = np.asarray(described["counts"], dtype=np.float64)
    entry = {
        "edges": described["edges"],
        "then": described["counts"],
        "now": hide_small(counts),
        "psi": significant(population_stability_index(then, counts)),
        "ks": significant(kolmogorov_smirnov_distance(then, counts)),
        "p_adjusted": None,
        "moved": False,
    }
    return entry, counts_p_value(effective_counts(described, subjects), counts)


def _missing_then(reference: dict[str, Any], share_now: Floats) -> Floats:
    total = reference["n_subjects"]
    low, high = np.array([feature["missing"] for feature in reference["features"]]).T
    counts: Floats = np.clip(np.rint(share_now * total), low, high)
    return counts


def _missing_check(
    entry: dict[str, Any], *, total_then: int, total: int, then: int, now: int, p: float
) -> Check:
    change = now / total - then / total_then
    severity: Severity = "high" if change >= 0.2 else "medium" if change > 0 else "low"
    before = entry["missing"]["then"]["estimate"]
    was = (
        "it was few or none"
        if before is None and then <= total_then / 2
        else (f"it was {per_cent(then / total_then)}")
    )
    hidden = entry["missing"]["now"]["estimate"] is None
    share = ("few or no" if now <= total / 2 else "nearly all") if hidden else per_cent(now / total)
    link = "" if hidden else " of"
    return Check(
        name=f"missing: {entry['name']}",
        what=entry["label"],
        kind="quality",
        rule="missing",
        p=p,
        large=abs(change) >= 0.05,
        severity=severity,
        text=f"'{entry['label']}' is now missing for {share}{link} patients; {was}",
        shown_in=entry["missing"],
        advice="Ask whether a device, an interface or an order set changed." if change > 0 else "",
    )


def _distribution_check(
    reference: dict[str, Any], feature: dict[str, Any], entry: dict[str, Any], measured: Floats
) -> Check | None:
    entry["distribution"] = None
    if not feature["counts"]:
        entry["why"] = "too few patients had it when the model was released"
        return None
    if measured.size <= SUPPRESS_AT_OR_BELOW:
        entry["why"] = f"{SUPPRESS_AT_OR_BELOW} patients or fewer have it now"
        return None
    counts = count_in(feature["edges"], measured).astype(np.float64)
    shown, p = compare_counts(feature, reference["n_subjects"], counts)
    now = significant(float(np.median(measured)))
    entry["distribution"] = {**shown, "typical": {"then": feature["median"], "now": now}}
    if feature["usual"]:
        return _unusual_check(reference, feature, entry, measured)
    if p is None:
        entry["why"] = "too few patients to count them in ranges"
        return None
    words, advice = _movement(feature, counts, now)
    return Check(
        name=f"distribution: {entry['name']}",
        what=entry["label"],
        kind="inputs",
        rule="distribution",
        p=p,
        large=shown["psi"] >= 0.1,
        severity="high" if shown["psi"] >= 0.25 else "medium",
        text=f"'{entry['label']}' moved: {words}",
        shown_in=entry["distribution"],
        advice=advice,
    )


def _unusual_check(
    reference: dict[str, Any], feature: dict[str, Any], entry: dict[str, Any], measured: Floats
) -> Check:
    """A feature that had one value in nearly every patient: how many have another now."""
    then_total = round(float(effective_counts(feature, reference["n_subjects"]).sum()))
    now = int(apart_from(feature["median"], measured).sum())
    share = now / measured.size
    then = nearest_count(0, SUPPRESS_AT_OR_BELOW, total=then_total, share=share)
    shown = share_of(now, measured.size)["estimate"]
    return Check(
        name=f"distribution: {entry['name']}",
        what=entry["label"],
        kind="inputs",
        rule="missing",
        p=float(proportions_p_value(then, then_total, now, measured.size)),
        large=share - then / then_total >= 0.05,
        severity="high" if share >= 0.2 else "medium",
        text=f"'{entry['label']}' moved: nearly every patient had "
        f"{quantity(feature['median'], feature['unit'])}, and "
        f"{'nearly all' if shown is None else per_cent(shown) + ' of'} patients now have another "
        "value",
        shown_in=entry["distribution"],
    )


def _movement(feature: dict[str, Any], counts: Floats, now: float) -> tuple[str, str]:
    """How it moved, in words: its median where that changed, else the bin that changed most."""
    then, unit = feature["median"], feature["unit"]
    yes_or_no = {then, now} <= {0.0, 1.0}
    if not yes_or_no and abs(now - then) >= 0.05 * max(abs(then), abs(now)) > 0:
        way = "rose" if now > then else "fell"
        words = (
            f"its typical (median) value {way} from about {quantity(then, None)} "
            f"to about {quantity(now, unit)}"
        )
        return words, unit_advice(then, now, unit)
    held = np.asarray(feature["counts"], dtype=np.float64)
    share_then, share_now = held / held.sum(), counts / counts.sum()
    place = int(np.argmax(np.abs(share_now - share_then)))
    return (
        f"the share of patients {_span(feature['edges'], place, unit)} went from "
        f"{per_cent(float(share_then[place]))} to {per_cent(float(share_now[place]))}"
    ), ""


def _span(edges: list[float], place: int, unit: str | None) -> str:
    """A bin in words."""
    if place == 0:
        return f"below {quantity(edges[0], unit)}"
    if place == len(edges):
        return f"at or above {quantity(edges[-1], unit)}"
    return f"between {quantity(edges[place - 1], None)} and {quantity(edges[place], unit)}"
