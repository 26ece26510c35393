"""What is rehearsed: the declaration with the plan's overrides, and the table with its marks."""

from pathlib import Path

import polars as pl

from bedside.core.records.bundle import DECLARATION_SOURCE
from bedside.core.records.rehearsal import Rehearsal
from bedside.interop.declaration.overriding import overridden
from bedside.lifecycle.cohort import received_file
from bedside.lifecycle.package import load_declaration

__all__ = ["ASKED", "lighter_model", "marked_table"]

ASKED = "asked"


def lighter_model(model: Path, plan: Rehearsal, scratch: Path) -> Path:
    """The folder of the model as it is rehearsed: its own, or that of a copy with the overrides.

    Raises:
        Invalid: an override names a place that there is not (code `override`), or the
            copy is not right.
    """
    if not plan.overrides:
        return model
    _, source = load_declaration(model)
    folder = scratch / "model"
    folder.mkdir(mode=0o700)
    (folder / DECLARATION_SOURCE).write_bytes(overridden(source, plan.overrides))
    load_declaration(folder)
    return folder


def marked_table(model: Path, data: Path | None, plan: Rehearsal, scratch: Path) -> Path | None:
    """The table with a mark in every row that is asked about; the data themselves where all are."""
    if plan.asked_every == 1:
        return data
    declaration, _ = load_declaration(model)
    table = received_file(declaration, data).table
    number = pl.int_range(pl.len()).over(declaration.data.subject)
    marked = pl.when(number % plan.asked_every == plan.asked_every - 1).then(1)
    path = scratch / "data.parquet"
    table.with_columns(marked.alias(ASKED)).write_parquet(path)
    return path
