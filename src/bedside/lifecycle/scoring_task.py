"""Scoring one shard, as it is given to an engine: named by digests, answered by a digest."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from bedside.core.records.bundle import FEATURES, MODEL, Bundle
from bedside.core.records.declaration import Declaration
from bedside.core.records.event import EVENT_COLUMNS, Event
from bedside.deploy.package.older import form_to_explain
from bedside.features.batch import SAYING, features_at, rows_of
from bedside.features.definition import FeatureSet, feature_set_from_json
from bedside.features.inputs import as_served
from bedside.features.inputs_at import COLUMNS, check_rows, rows_that_decide
from bedside.features.plan import columns_of
from bedside.lifecycle.frames import frame_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.scored_table import MOVED, put_result, reasons_of, spread, table_of
from bedside.serve.bulk import BulkScorer, Rows
from bedside.serve.scoring import Scorer, ToScore

__all__ = ["Loaded", "loaded", "score_shard", "told_reasons", "visible_events", "whole_of"]

AT_ONCE = 1 << 16  # rows whose features are held at once


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version made ready to score, with its worked example run."""

    bundle: Bundle
    features: FeatureSet
    scorer: Scorer
    bulk: BulkScorer


def loaded(platform: Platform, bundle: Bundle) -> Loaded:
    """Make a bundle ready.

    Raises:
        Refused: it does not reproduce its own worked example (`example_differs`).
    """
    features = feature_set_from_json(bundle.files[FEATURES])
    predictor = platform.predictor_of(bundle.files[MODEL])
    explainer = platform.explainer_of(form_to_explain(bundle.files, features))
    scorer = Scorer(bundle, predictor, explainer)
    scorer.check_example()
    return Loaded(bundle, features, scorer, BulkScorer(bundle, predictor, explainer))


def score_shard(platform: Platform, model: Loaded, task: dict[str, Any]) -> bytes:
    """Score the asked rows of one shard.

    Args:
        platform: Whose store is used.
        model: The version.
        task: `snapshot`, `shard`, `asked` and `aside` (objects), `version`, `reasons`.

    Returns:
        JSON: the sealed object with the rows (`part`), and how many came to each `outcome`.
    """
    snapshot = platform.store.open(task["snapshot"])
    asked = frame_of(platform.objects.get(task["asked"]))
    aside = frame_of(platform.objects.get(task["aside"]))
    declared = as_served(model.bundle.declaration, model.features)
    source = _events(partial(snapshot.shard, task["shard"]), model.features, declared, task)
    checked = check_rows(declared, source, aside, asked)
    tables = [
        _scored(model, source, asked[at : at + AT_ONCE], checked[at : at + AT_ONCE], task)
        for at in range(0, asked.height, AT_ONCE)
    ]
    return put_result(platform, pl.concat(tables))


def _events(
    read: Callable[..., pl.DataFrame], features: FeatureSet, declared: Declaration, task: Any
) -> pl.DataFrame:
    """What the checks and the features read.

    Which record a row is of is most of its bytes, and is read only where one is corrected.
    """
    wanted = {*columns_of(features), *SAYING, *COLUMNS}
    every = [one for one in EVENT_COLUMNS if task["reasons"] or one in wanted]
    few = every if task["reasons"] else [one for one in every if one != "source_row"]
    where = rows_that_decide(declared) | rows_of(features)
    table = read(few, where=where)
    corrected = table["replaces"].null_count() < table.height
    return read(every, where=where) if corrected and few != every else table


def _scored(
    model: Loaded, events: pl.DataFrame, asked: pl.DataFrame, checked: pl.DataFrame, task: Any
) -> pl.DataFrame:
    fit = np.flatnonzero(checked["reason"].is_null().to_numpy())
    chosen = asked[fit]
    matrix = features_at(model.features, events, chosen)
    rows = model.bulk.score(matrix)
    told = table_of(rows, model.bulk.names)
    if task["reasons"]:
        told = told.with_columns(told_reasons(model, rows, visible_events(events, chosen)))
    about = asked.select("subject_id", pl.col("prediction_time").alias("as_of"))
    return pl.concat([about, whole_of(model, told, fit, checked, task)], how="horizontal")


def whole_of(
    model: Loaded, told: pl.DataFrame, fit: Any, checked: pl.DataFrame, task: Any
) -> pl.DataFrame:
    """What is told of every row that was checked, and who says it; see `spread`."""
    return spread(told, fit, checked).with_columns(
        pl.lit(task["version"]).alias("version"), pl.lit(model.bundle.digest).alias("bundle")
    )


def told_reasons(
    model: Loaded, rows: Rows, asked: Iterable[tuple[datetime, list[Event]]]
) -> pl.Series:
    """What moved each score, as it is told at the bedside; none of what is no score.

    Args:
        model: The version.
        rows: As they were scored.
        asked: Of each of these rows its moment, and the events.
    """
    told: list[list[dict[str, Any]] | None] = []
    for at, (as_of, own) in enumerate(asked):
        scored: Any = None
        if rows.reason[at] < 0:
            (scored,) = model.scorer.score_many([ToScore(own, as_of)])
        told.append(reasons_of(scored))
    return pl.Series("reasons", told, dtype=MOVED)


def visible_events(
    events: pl.DataFrame, asked: pl.DataFrame
) -> Iterator[tuple[datetime, list[Event]]]:
    """Of each asked row its moment, and every event of its subject.

    Args:
        events: By subject.
        asked: Columns subject_id and prediction_time.
    """
    plain = events.with_columns(pl.col("code", "unit", "text").cast(pl.String))
    by_subject = {
        key[0]: part for key, part in plain.partition_by("subject_id", as_dict=True).items()
    }
    kept: tuple[Any, list[Event]] = (None, [])
    for subject, moment in asked.select("subject_id", "prediction_time").iter_rows():
        if kept[0] != subject:
            part = by_subject.get(subject)
            rows = [] if part is None else part.select(EVENT_COLUMNS).iter_rows(named=True)
            kept = subject, [Event(**row) for row in rows]
        yield moment, kept[1]
