"""Rows of which a version would have withheld a score, had they been asked about at the bedside."""

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.records.answer import AbstentionReason
from bedside.core.records.declaration import Declaration
from bedside.data.store.snapshot import Snapshot
from bedside.features.definition import FeatureSet
from bedside.features.inputs import as_served
from bedside.features.inputs_at import (
    ASIDE,
    COLUMNS,
    check_rows,
    codes_that_decide,
    rows_that_decide,
)
from bedside.models.domain import Domain, DomainCheck

__all__ = ["withheld_reasons"]

Floats = npt.NDArray[np.float64]


def withheld_reasons(
    declaration: Declaration,
    feature_set: FeatureSet,
    snapshot: Snapshot,
    asked: pl.DataFrame,
    matrix: Floats,
    domain: Domain | None,
) -> npt.NDArray[np.str_]:
    """The reason of the abstention that each row would have got, '' where it gets a score.

    What was set aside as implausible before the snapshot was made counts as missing.

    Args:
        declaration: Of the version.
        feature_set: Its k features.
        snapshot: The prepared events, with merges folded.
        asked: n rows, by subject, then time.
        matrix: Shape (n, k).
        domain: Who is like the training patients; None: nobody is refused for that.
    """
    served = as_served(declaration, feature_set)
    reasons = np.full(asked.height, "", dtype="U40")
    if codes_that_decide(served):
        subjects = asked["subject_id"].unique()
        here = pl.col("subject_id").is_in(subjects.implode())
        parts = snapshot.shards(COLUMNS, rows_that_decide(served))
        events = pl.concat([part.filter(here) for part in parts])
        told = check_rows(served, events, events.head(0).select(ASIDE), asked)
        reasons = told["reason"].fill_null("").to_numpy().astype("U40")
    if domain is not None and asked.height:
        outside = ~DomainCheck(domain).inside(matrix)
        reasons[outside & (reasons == "")] = str(AbstentionReason.OUT_OF_DOMAIN)
    return reasons
