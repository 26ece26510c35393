"""Who the patients are, and whether the model still does as well for each group of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.metrics.drift import counts_p_value, means_p_value, proportions_p_value
from bedside.monitor.checks import Check
from bedside.monitor.cohort import Cohort, group_counts
from bedside.monitor.disclosure import hide_small, nearest_count, significant
from bedside.monitor.figures import estimate_of, share_of
from bedside.monitor.outcomes import auroc_check, auroc_with_error
from bedside.monitor.performance import performance_of
from bedside.monitor.wording import per_cent

__all__ = ["compare_subgroups"]

Figures = dict[str, Any]
_SUPPRESSED = f"{SUPPRESS_AT_OR_BELOW} patients or fewer: not shown"


def compare_subgroups(
    reference: Figures, cohort: Cohort, *, minimum: int
) -> tuple[Figures, list[Check], list[str]]:
    """Compare each subgroup dimension with the reference.

    Args:
        reference: From `make_reference`.
        cohort: One row per subject.
        minimum: Groups with fewer labelled subjects are shown, not tested.

    Returns:
        One entry per dimension, the tests made, and what cannot be judged.
    """
    sections: Figures = {}
    checks, unknown = [], []
    for name, then in reference["subgroups"].items():
        section, made, silent = _dimension(then, cohort, name, reference["n_subjects"], minimum)
        sections[name] = section
        checks += made
        unknown += silent
    return sections, checks, unknown


def _dimension(
    then: Figures, cohort: Cohort, name: str, total_then: int, minimum: int
) -> tuple[Figures, list[Check], list[str]]:
    values = cohort.groups[name]
    counts = group_counts(values)
    known = [entry["group"] for entry in then["groups"]]
    others = sorted(set(counts) - set(known))
    sizes = [counts.get(group, 0) for group in (*known, *others)]
    shown = hide_small(sizes)
    groups, checks = [], []
    for place, group in enumerate((*known, *others)):
        entry = _group(group, shown[place], sizes[place])
        if place < len(known):
            entry["share_then"] = significant(then["groups"][place]["n"] / total_then)
            before = then["groups"][place]["performance"]
            checks += _performance(
                name, entry, before, cohort, inside=values == group, minimum=minimum
            )
        groups.append(entry)
    section: Figures = {
        "mix": {"p_adjusted": None, "moved": False},
        "others": {"now": None, "p_adjusted": None, "moved": False},
        "groups": groups,
    }
    checks += _mix_check(name, section, then, np.array(sizes[: len(known)], dtype=np.float64))
    checks += _others_check(
        name, section, then, total_then=total_then, now=sum(sizes[len(known) :]), total=values.size
    )
    small = sorted(entry["group"] for entry in groups if entry["n"] is None)
    unknown = [
        f"How the model does for {name}: {group}, with {SUPPRESS_AT_OR_BELOW} patients or fewer."
        for group in small
    ]
    unknown += [
        f"How the model does for {name}: {entry['group']}: {entry['why']}."
        for entry in groups
        if entry["n"] is not None and "why" in entry
    ]
    return section, checks, unknown


def _group(group: str, shown: int | None, size: int) -> Figures:
    entry: Figures = {
        "group": group,
        "n": shown,
        "suppressed": shown is None,
        "share_then": None,
        "performance": None,
    }
    if shown is None:
        entry["why"] = _SUPPRESSED
    elif size == 0:
        entry["why"] = "no patient now"
    return entry


def _performance(
    name: str,
    entry: Figures,
    before: Figures | None,
    cohort: Cohort,
    *,
    inside: NDArray[np.bool_],
    minimum: int,
) -> list[Check]:
    """AUROC and calibration of one group, where both sides are large enough."""
    if "why" in entry:
        return []
    labelled = inside & ~np.isnan(cohort.label)
    if int(labelled.sum()) < minimum:
        entry["why"] = f"fewer than {minimum} of its patients have a known outcome"
        return []
    now = performance_of(cohort.label[labelled], cohort.risk[labelled])
    if before is None or now is None:
        entry["why"] = f"{SUPPRESS_AT_OR_BELOW} or fewer have the outcome, or have it not"
        return []
    label = f"{name}: {entry['group']}"
    auroc: Figures = {side: _auroc(figures) for side, figures in (("then", before), ("now", now))}
    excess: Figures = {side: _excess(figures) for side, figures in (("then", before), ("now", now))}
    entry["performance"] = {"auroc": auroc, "observed_minus_expected": excess}
    return [
        auroc_check(before, now, auroc, name=f"auroc, {label}", of=f" in {label}", kind="subgroup"),
        _excess_check(before, now, excess, label),
    ]


def _auroc(side: Figures) -> Figures:
    return estimate_of(*auroc_with_error(side), least=0.0, most=1.0)


def _excess(side: Figures) -> Figures:
    error = side["excess"]["sd"] / float(np.sqrt(side["n"]))
    return estimate_of(side["excess"]["estimate"], error, side["n"])


def _excess_check(then: Figures, now: Figures, shown_in: Figures, label: str) -> Check:
    a, b = then["excess"], now["excess"]
    change = b["estimate"] - a["estimate"]
    return Check(
        name=f"calibration, {label}",
        what=label,
        kind="subgroup",
        rule="group calibration",
        p=means_p_value((a["estimate"], a["sd"], then["n"]), (b["estimate"], b["sd"], now["n"])),
        large=abs(change) >= 0.02,
        severity="high" if abs(b["estimate"]) > abs(a["estimate"]) else "low",
        text=f"In {label}, outcomes per 100 patients beyond what the risks predict went from "
        f"{100 * a['estimate']:+.1f} to {100 * b['estimate']:+.1f}",
        shown_in=shown_in,
    )


def _mix_check(name: str, section: Figures, then: Figures, now: NDArray[np.float64]) -> list[Check]:
    before = np.array([entry["n"] for entry in then["groups"]], dtype=np.float64)
    if before.size < 2 or now.sum() == 0:
        return []
    order = np.argsort(before + now, kind="stable")
    p = counts_p_value(before[order], now[order])
    if p is None:
        return []
    share_then, share_now = before / before.sum(), now / now.sum()
    most = int(np.argmax(np.abs(share_now - share_then)))
    change = abs(float(share_now[most] - share_then[most]))
    return [
        Check(
            name=f"mix of {name}",
            what=name,
            kind="subgroup",
            rule="share",
            p=p,
            large=change >= 0.05,
            severity="medium",
            text=f"The mix of patients by {name} changed: '{then['groups'][most]['group']}' went "
            f"from {per_cent(float(share_then[most]))} to {per_cent(float(share_now[most]))}",
            shown_in=section["mix"],
        )
    ]


def _others_check(
    name: str, section: Figures, then: Figures, *, total_then: int, now: int, total: int
) -> list[Check]:
    """Patients outside the groups that the reference describes."""
    before = nearest_count(*then["others"], total=total_then, share=now / total)
    section["others"]["now"] = share_of(now, total)
    return [
        Check(
            name=f"other groups of {name}",
            what=name,
            kind="subgroup",
            rule="share",
            p=float(proportions_p_value(before, total_then, now, total)),
            large=now / total - before / total_then >= 0.05,
            severity="medium",
            text=f"Patients of a group of {name} that the model was hardly or never evaluated on "
            "are now a noticeable share",
            shown_in=section["others"],
        )
    ]
