"""The leakage audit of a build."""

import json
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.leakage import (
    audit_declaration,
    audit_features,
    audit_splits,
    audit_visibility,
)
from bedside.core.errors import Refused
from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Declaration
from bedside.core.records.event import EVENT_COLUMNS
from bedside.data.store.snapshot import Snapshot
from bedside.features.batch import features_at
from bedside.features.definition import FeatureSet
from bedside.lifecycle.platform import Platform

__all__ = ["accepted_or_refused", "audited"]

REPLAYED = 50  # subjects whose record is cut at each prediction time, to see if a feature moves


def audited(
    platform: Platform,
    declaration: Declaration,
    feature_set: FeatureSet,
    snapshot: Snapshot,
    cohort: pl.DataFrame,
    values: npt.NDArray[np.float64],
) -> dict[str, bytes]:
    """What the audit found."""
    rows = cohort.filter(pl.col("side").is_not_null())
    train = (rows["side"] == "train").to_numpy()
    replayed = pl.col("subject_id").is_in(
        rows["subject_id"].unique(maintain_order=True)[:REPLAYED].implode()
    )
    few = rows.filter(replayed)
    first = pl.concat(list(snapshot.shards(EVENT_COLUMNS, replayed)))
    found = [
        *audit_declaration(declaration),
        *audit_splits(rows),
        *audit_visibility(
            first,
            few,
            values[: few.height],
            feature_set.names,
            lambda seen, one: features_at(feature_set, seen, one),
        ),
        *audit_features(values[train], rows["label"].to_numpy()[train], feature_set.names),
    ]
    return {"findings": canonical_json([asdict(finding) for finding in found])}


def accepted_or_refused(platform: Platform, declaration: Declaration, findings: bytes) -> None:
    """Refuse a build whose findings are not all acknowledged.

    Raises:
        Refused: a finding is not acknowledged (code `leakage`).
    """
    accepted = {one.finding for one in declaration.acknowledged}
    open_ = [f for f in json.loads(findings) if f["name"] not in accepted]
    if not open_:
        return
    platform.ledger.append(
        platform.actor,
        "build.refused",
        {"model": declaration.name, "findings": [f["name"] for f in open_][:20]},
    )
    raise Refused(
        "The leakage audit found: "
        + " ".join(f["text"] for f in open_[:5])
        + (f" And {len(open_) - 5} more." if len(open_) > 5 else ""),
        fix="remove the feature, or acknowledge the finding by name "
        f"({open_[0]['name']}) with a reason under 'acknowledged'.",
        code="leakage",
    )
