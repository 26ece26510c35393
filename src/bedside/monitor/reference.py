"""What a bundle carries to be watched by: its held-out patients as counts and moments, no value."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedside.core.errors import Invalid
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.metrics.arrays import Floats, as_labels
from bedside.monitor.binning import describe_values
from bedside.monitor.cohort import Cohort, group_counts, one_row_cohort
from bedside.monitor.disclosure import count_range, scaled
from bedside.monitor.performance import performance_of

__all__ = ["FORM", "make_reference"]

FORM = "bedside.monitoring-reference/1"


def make_reference(
    matrix: ArrayLike,
    feature_names: Sequence[str],
    *,
    labels_text: Mapping[str, str],
    units: Mapping[str, str | None],
    risk: ArrayLike,
    label: ArrayLike | None,
    subject_index: ArrayLike,
    groups: Mapping[str, ArrayLike],
    threshold: float | None,
    seed: int,
    is_risk: bool = True,
) -> dict[str, Any]:
    """Describe the held-out patients so that later patients can be compared with them.

    The rows of one patient depend on each other, so that everything here is counted on ONE row
    per patient, drawn by a digest of the subject and the seed; `compare` does the same. Figures
    therefore differ a little from an evaluation over all rows. No patient's value is kept: bin
    edges are quantiles at three significant digits, counts of ten or less are merged, spread or
    given as a range, and performance is kept only where more than ten subjects have the outcome
    and more than ten have it not.

    Args:
        matrix: Shape (n, k); NaN where missing.
        feature_names: The k names, in column order.
        labels_text: Words for each feature; the name itself where absent.
        units: UCUM unit of each feature, or None.
        risk: Shape (n,), predicted probabilities.
        label: Shape (n,), 0 or 1; None where what came true is no yes or no (a time, a number).
        subject_index: Shape (n,), integers that tell subjects apart.
        groups: For each subgroup dimension, shape (n,), the group of each row in words.
        threshold: Risks of at least this alert; None where nothing alerts.
        seed: Which row of each patient is drawn.
        is_risk: Whether `risk` holds probabilities; else it holds predicted numbers.

    Returns:
        A value that canonical JSON can say; the same for the same arguments, to the byte.

    Raises:
        Invalid: shapes differ, a name occurs twice, a value is infinite, a risk or a label is
            out of range, or there are ten subjects or fewer.
    """
    cohort = one_row_cohort(
        matrix,
        feature_names=feature_names,
        risk=risk,
        label=label,
        subject_index=subject_index,
        groups=groups,
        seed=seed,
        is_risk=is_risk,
    )
    if cohort.subjects <= SUPPRESS_AT_OR_BELOW:
        raise Invalid(
            f"There are only {cohort.subjects} held-out subjects to watch the model by.",
            fix=f"hold out more than {SUPPRESS_AT_OR_BELOW} subjects.",
        )
    labels = None if label is None else as_labels(cohort.label)
    return {
        "form": FORM,
        "seed": seed,
        "threshold": None if threshold is None else float(threshold),
        "predicts": "risk" if is_risk else "number",
        "n_subjects": cohort.subjects,
        "features": [
            {
                "name": name,
                "label": labels_text.get(name, name),
                "unit": units.get(name),
                **describe_values(cohort.matrix[:, column]),
            }
            for column, name in enumerate(cohort.feature_names)
        ],
        "risk": describe_values(cohort.risk),
        "alerts": None
        if threshold is None
        else count_range(int((cohort.risk >= threshold).sum()), cohort.subjects),
        "outcomes": None if labels is None else count_range(int(labels.sum()), cohort.subjects),
        "performance": None if labels is None else performance_of(labels, cohort.risk),
        "subgroups": {name: _dimension(cohort, labels, name) for name in sorted(cohort.groups)},
    }


def _dimension(cohort: Cohort, labels: Floats | None, name: str) -> dict[str, Any]:
    """One subgroup dimension: the groups that are large enough, and how many are hidden.

    Counts of the shown groups are scaled to add up to all subjects, so that a hidden one cannot
    be found by subtraction.
    """
    values = cohort.groups[name]
    counts = group_counts(values)
    shown = sorted(group for group, count in counts.items() if count > SUPPRESS_AT_OR_BELOW)
    sizes = scaled(np.array([counts[group] for group in shown], dtype=np.int64), cohort.subjects)
    hidden = len(counts) - len(shown)
    return {
        "hidden": hidden,
        "others": [0, min(SUPPRESS_AT_OR_BELOW * hidden, cohort.subjects)],
        "groups": [
            {
                "group": group,
                "n": int(size),
                "performance": None
                if labels is None
                else group_performance(labels, cohort.risk, values == group, int(size)),
            }
            for group, size in zip(shown, sizes, strict=True)
        ],
    }


def group_performance(
    labels: Floats, risk: Floats, inside: NDArray[np.bool_], size: int
) -> dict[str, Any] | None:
    """The part of a group's performance from which no small count of another can be worked out.

    Positives are rounded down to tens, and no figure is kept that together with another gives
    the number of outcomes.
    """
    full = performance_of(labels[inside], risk[inside])
    if full is None:
        return None
    return {
        "n": size,
        "positives": full["positives"] // 10 * 10,
        "auroc": full["auroc"],
        "excess": full["excess"],
    }
