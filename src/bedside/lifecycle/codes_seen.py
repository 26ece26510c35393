"""Which codes rows saw of the signals that may come under several, had they been asked about."""

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.records.declaration import Declaration
from bedside.data.store.snapshot import Snapshot
from bedside.features.codes_at import codes_by_row
from bedside.features.codes_seen import codes_that_count
from bedside.features.definition import FeatureSet
from bedside.features.inputs import as_served

__all__ = ["codes_seen"]

_COLUMNS = ("subject_id", "time", "known_at", "code", "text")


def codes_seen(
    declaration: Declaration, feature_set: FeatureSet, snapshot: Snapshot, asked: pl.DataFrame
) -> npt.NDArray[np.str_]:
    """What an answer about each row would have on record, shape (n,), as `codes_to_text`.

    Codes that no signal has are not among them: which of them a wire will bring is not known.

    Args:
        declaration: Of the version.
        feature_set: Its features.
        snapshot: The prepared events, with merges folded.
        asked: n rows, by subject, then time.
    """
    served = as_served(declaration, feature_set)
    codes = codes_that_count(served)
    if not codes or not asked.height:
        return np.full(asked.height, "")
    here = pl.col("subject_id").is_in(asked["subject_id"].unique().implode())
    parts = snapshot.shards(_COLUMNS, pl.col("code").is_in(codes))
    return codes_by_row(served, pl.concat([part.filter(here) for part in parts]), asked)
