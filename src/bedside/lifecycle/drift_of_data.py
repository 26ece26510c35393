"""New data beside the very patients that a version's build held out, where those are at hand."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import BedsideError
from bedside.core.records.bundle import Bundle
from bedside.core.records.version import ModelVersion
from bedside.lifecycle.cohort import subject_indices
from bedside.lifecycle.comparing import held_out_of
from bedside.lifecycle.patients import Patients, facts_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.watching import watched_label
from bedside.monitor.sampling import one_row_each
from bedside.monitor.whole_drift import whole_drift

__all__ = ["drift_from_held_out"]

Floats = npt.NDArray[np.float64]


def drift_from_held_out(
    platform: Platform,
    version: ModelVersion,
    bundle: Bundle,
    *,
    matrix: Floats,
    risk: Floats,
    subject_index: npt.NDArray[np.int64],
    seed: int,
) -> dict[str, Any]:
    """The tables of `whole_drift`, or for each of them why there is none.

    Args:
        platform: The workspace, not locked by this process.
        version: Which version.
        bundle: Of it.
        matrix: Shape (m, k), the version's features of the new data.
        risk: Shape (m,).
        subject_index: Shape (m,).
        seed: Which row of each patient is drawn.
    """
    try:
        with platform.lock():
            held = held_out_of(platform, version, bundle, facts_of(platform, version))
        rows = held.judged(platform)
    except BedsideError as error:
        why = {"why": f"the patients of the build cannot be had: {error.problem}"}
        return {"drift": why, "joint": why, "weighted": why}
    mine = one_row_each(subject_indices(held.asked), seed=seed)
    theirs = one_row_each(subject_index, seed=seed)
    kind = bundle.declaration.question.outcome.kind
    label = watched_label(kind, rows.label)
    return whole_drift(
        held.matrix[mine],
        matrix[theirs],
        held.feature_set.names,
        categories=_levels(held),
        risks=(rows.risk[mine], risk[theirs]),
        label=None if label is None else label[mine].astype(np.float64),
        threshold=bundle.threshold,
        seed=seed,
    )


def _levels(held: Patients) -> dict[str, tuple[str, ...]]:
    """Of each feature whose values are places of levels, their names."""
    return {one.name: one.labels for one in held.feature_set.features if one.labels}
