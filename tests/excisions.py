"""The diagnosis as a hospital declares it that also keeps excisions, and when they were done."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from bedside.data.collect.bundled import breast_cancer
from bedside.usecases import folder_of

__all__ = ["declared_with_excisions", "with_excisions", "with_hours"]

INTERVENTIONS = """
monitoring:
  watch:
    interventions:
      excised: {label: excision, signal: excised, within: 6 h, not_within: 12 h}
      ordered:
        label: an order of an excision
        event: {code: SNOMED//392021009}
        shows: order
        within: 6 h
"""


def declared_with_excisions(folder: Path, origin: date = date(2000, 1, 1)) -> Path:
    """A folder with the declaration and its table; few features, so that it is built soon."""
    folder.mkdir()
    text = (folder_of("diagnosis") / "bedside.yaml").read_text().partition("\n# Judged by")[0]
    every = re.search(r"signals: \[(mean_radius, .*)\]\n", text)
    assert every is not None
    for old, new in {
        'clock: {origin: "2000-01-01T00:00:00Z"}': "clock: {column: hour, unit: h, origin: "
        f'"{origin}T00:00:00Z"}}',
        "  bundled: sklearn_breast_cancer ": "  # bundled ",
        'data_end: "2000-02-01T00:00:00Z"': f'data_end: "{origin + timedelta(days=90)}T00:00:00Z"',
        "bootstrap: 1000": "bootstrap: 100",
        "\nsignals:\n": "\nsignals:\n  excised: {label: excision, code: PROCEDURE//excision, "
        'column: excised, unit: "1", visible_after: 1 h, role: attribute}\n',
        "    id: breast-mass-malignancy\n    title: Malignancy of a breast mass\n": "    - "
        "id: breast-mass-malignancy\n      title: Malignancy of a breast mass\n      hook: "
        "order-sign\n",
        "    description: Risk": "      description: Risk",
        every.group(1): "mean_radius, mean_texture, worst_area, worst_concave_points",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    (folder / "bedside.yaml").write_text(text + INTERVENTIONS)
    with_hours(breast_cancer()).write_parquet(folder / "biopsies.parquet")
    return folder


def with_hours(table: pl.DataFrame) -> pl.DataFrame:
    """The biopsies as a table that tells hours, and could tell of excisions."""
    never = pl.lit(None, dtype=pl.Float64).alias("excised")
    return table.with_columns(pl.lit(0.0).alias("hour"), never)


def with_excisions(table: pl.DataFrame, done: Iterable[tuple[str, float]]) -> pl.DataFrame:
    """The same with a row for each excision: of which case, so many hours after the origin."""
    known = {"case": pl.String, "hour": pl.Float64}
    rows = pl.DataFrame(list(done), schema=known, orient="row")
    more = rows.join(table.drop("hour", "excised"), on="case").with_columns(
        pl.lit(1.0).alias("excised")
    )
    return pl.concat([table, more.select(table.columns)])
