"""Predictions and what came true, written for research under a release mode."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from bedside.core.errors import Invalid, Refused
from bedside.core.ids import digest_bytes
from bedside.core.records.bundle import FEATURES
from bedside.core.records.policy import Act, Resource
from bedside.core.records.snapshot import Zone
from bedside.features.definition import feature_set_from_json
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.predictions import judged
from bedside.lifecycle.release import open_bundle

__all__ = ["MODES", "SMALL_CELL", "PredictionExport", "export_predictions"]

MODES = ("limited_dataset", "identified")
SMALL_CELL = 10
"""Patients; a table made of an export that shows so few in a cell must not be published."""

_REFUSED = {
    "safe_harbor": "it takes every date but the year (45 CFR 164.514(b)(2)(i)(C)), and without "
    "its times a prediction cannot be judged",
    "expert": "an expert's determination (45 CFR 164.514(b)(1)) is not recorded here for "
    "predictions",
}
_PERSONAL = ("sequence", "caller")  # who asked is no patient, and no business of the research


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionExport:
    """What was written: a file, how many predictions, of how many patients, under which mode.

    `is_small` says that it tells of so few patients that nothing counted from it may be published.
    """

    file: str
    digest: str
    version: str
    mode: str
    predictions: int
    patients: int
    is_small: bool


def export_predictions(
    platform: Platform,
    version_id: str,
    to: Path,
    *,
    mode: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> PredictionExport:
    """Write the predictions of a version as Parquet: one row each, with features and outcome.

    As a limited data set (45 CFR 164.514(e)) the file has no direct identifier: predictions and
    patients have new codes that lead nowhere from there, and whose key is not kept; times and
    features stay, so it needs a data use agreement. Identified, a row has the prediction's own id
    and the ledger's tag of the patient. In neither is a name, a pseudonym, or the request.

    Args:
        platform: The workspace.
        version_id: Which version.
        to: A Parquet file that is not there yet. It is not encrypted: it leaves the workspace.
        mode: `limited_dataset` or `identified`.
        since: Recorded then or later.
        until: Recorded before then.

    Raises:
        NotFound: there is no such version.
        Invalid: there is no such mode, or the file's name does not end in .parquet.
        Refused: the mode is not possible for predictions (code `release_mode`), or the file is
            there already (`file_exists`).
        Unavailable: the disk refuses.
    """
    _check(to, mode)
    enter(platform, Act.EXPORT, Resource(name=version_id, zone=Zone.of(mode)))
    version = platform.registry.get(version_id)
    bundle = open_bundle(platform, version)
    names = feature_set_from_json(bundle.files[FEATURES]).names
    table = judged(platform, version.id, since=since, until=until, features=names)
    named = table["subject"].drop_nulls()
    patients, table = named.n_unique(), table.drop(_PERSONAL)
    if mode == "limited_dataset":
        table = _recoded(table)
    about = {
        "version": version.id,
        "mode": mode,
        "predictions": str(table.height),
        "small_cells": f"Do not publish a table with a cell of {SMALL_CELL} patients or fewer.",
        "terms": "45 CFR 164.514(e): under a data use agreement alone; identify nobody."
        if mode == "limited_dataset"
        else "Identified: what allows research on patients' own records must be in place.",
    }
    buffer = BytesIO()
    table.write_parquet(buffer, compression="zstd", metadata=about)
    platform.write(to, buffer.getvalue())
    told = PredictionExport(
        file=str(to),
        digest=digest_bytes(buffer.getvalue()),
        version=version.id,
        mode=mode,
        predictions=table.height,
        patients=patients,
        is_small=patients <= SMALL_CELL,
    )
    details: dict[str, Any] = {
        "version": version.id,
        "mode": mode,
        "file": told.digest,
        "predictions_count": told.predictions,
    }
    platform.ledger.append(platform.actor, "prediction.export", details)
    return told


def _check(to: Path, mode: str) -> None:
    if mode in _REFUSED:
        raise Refused(
            f"Predictions cannot be exported as {mode}: {_REFUSED[mode]}.",
            fix=f"export them as {' or '.join(MODES)}.",
            code="release_mode",
        )
    if mode not in MODES:
        raise Invalid("There is no such release mode.", fix=f"give {' or '.join(MODES)}.")
    if to.suffix != ".parquet":
        raise Invalid("The file's name does not end in .parquet.", fix="give such a name.")
    if to.exists():
        raise Refused("The file is there already.", fix="give another name.", code="file_exists")


def _recoded(table: pl.DataFrame) -> pl.DataFrame:
    """New codes for predictions and patients, by a key that nobody keeps; in another order."""
    key = secrets.token_bytes(32)

    def code(name: str) -> str:
        return hmac.digest(key, name.encode(), "sha256").hex()[:32]

    recoded = table.with_columns(
        pl.col(name).map_elements(code, return_dtype=pl.String, skip_nulls=True)
        for name in ("prediction_id", "subject")
    )
    return recoded.sort("prediction_id")
