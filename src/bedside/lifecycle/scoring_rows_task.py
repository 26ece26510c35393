"""Scoring one block of a plain table, as it is given to an engine: by digests alone."""

from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl

from bedside.core.clock import moment_at, parse_instant
from bedside.core.records.event import Event, event_of
from bedside.data.collect.asked_rows import told_of
from bedside.features.inputs import as_served
from bedside.features.inputs_now import check_told, clean_told
from bedside.features.told_rows import RowFeatures, ToldRows
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.scored_table import put_result, table_of
from bedside.lifecycle.scoring_task import Loaded, told_reasons, whole_of

__all__ = ["block_bytes", "score_block"]

AT_ONCE = 1 << 15  # rows whose features are held at once


def block_bytes(block: pl.DataFrame) -> bytes:
    """A block as it is sealed: Arrow's own format, not packed, since numbers hardly shrink."""
    buffer = BytesIO()
    block.write_ipc(buffer, compression="uncompressed")
    return buffer.getvalue()


def score_block(platform: Platform, model: Loaded, task: dict[str, Any]) -> bytes:
    """Score the rows of one block.

    Args:
        platform: Whose store is used.
        model: The version.
        task: `block` (an object), `now` (of the rows that do not say when), `version`, `reasons`.

    Returns:
        JSON: the sealed object with the rows (`part`), and how many came to each `outcome`.
    """
    declared = as_served(model.bundle.declaration, model.features)
    now = None if task["now"] is None else parse_instant(task["now"])
    block = pl.read_ipc(BytesIO(platform.objects.get(task["block"])))
    told, rejected = clean_told(declared.signals, told_of(block, declared, now))
    checked = check_told(declared, told, rejected)
    features = RowFeatures(model.features, told.columns)
    tables = [
        _scored(model, features, told.part(at, at + AT_ONCE), checked[at : at + AT_ONCE], task)
        for at in range(0, block.height, AT_ONCE)
    ]
    about = block.select("row", "subject_id").with_columns(
        pl.Series("as_of", told.as_of).cast(block.schema["as_of"])
    )
    return put_result(platform, pl.concat([about, pl.concat(tables)], how="horizontal"))


def _scored(
    model: Loaded, features: RowFeatures, told: ToldRows, checked: pl.DataFrame, task: Any
) -> pl.DataFrame:
    fit = np.flatnonzero(checked["reason"].is_null().to_numpy())
    chosen = told if len(fit) == checked.height else told.taken(fit)
    rows = model.bulk.score(features.of(chosen))
    table = table_of(rows, model.bulk.names)
    if task["reasons"]:
        table = table.with_columns(told_reasons(model, rows, _as_events(chosen)))
    return whole_of(model, table, fit, checked, task)


def _as_events(told: ToldRows) -> Iterator[tuple[datetime, list[Event]]]:
    """Of each row its moment, and the events that its values stand for."""
    for at, stamp in enumerate(told.as_of.tolist()):
        as_of = moment_at(stamp)
        events = []
        for column, values in zip(told.columns, told.values, strict=True):
            value = float(values[at])
            if np.isnan(value):
                continue
            text = column.labels[int(value)] if column.labels else None
            events.append(
                event_of(
                    0, None if column.is_static else as_of, as_of, column.code,
                    None if column.labels else value, None if column.labels else column.unit,
                    text, None, b"",
                )
            )  # fmt: skip
        yield as_of, events
