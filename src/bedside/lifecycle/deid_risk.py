"""The risk that is left in a data set or a file: measured, written down, drafted for an expert."""

import json
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from bedside.core.clock import iso
from bedside.core.errors import Invalid, NotFound
from bedside.core.ids import canonical_json
from bedside.core.records.policy import Act
from bedside.core.records.release_mode import ReleaseMode
from bedside.data.store.snapshot import Snapshot
from bedside.lifecycle.deidentify import VAULT_SALT
from bedside.lifecycle.opened_data import opened_data
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.steps import WriteFile
from bedside.privacy.events import coded_identifiers
from bedside.privacy.risk.report import RiskQuestion, dossier_page, risk_of, risk_page

__all__ = ["Measured", "measure_data", "measure_file", "people_of"]

YEAR = timedelta(days=365.25)
SEX = "BEDSIDE//sex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The figures, and where the page, the JSON file and the dossier lie."""

    report: dict[str, Any]
    page: Path
    figures: Path
    dossier: Path


def measure_data(platform: Platform, reference: str, question: RiskQuestion) -> Measured:
    """Measure a data set of the workspace; the columns are made of its events.

    Raises:
        NotFound: there is no such data set.
        Refused: it is not permitted (code `not_allowed`).
        Invalid: a column cannot be made of it.
    """
    columns = frozenset([*question.quasi, *question.sensitive])
    snapshot = opened_data(platform, Act.DEIDENTIFY, reference, columns=columns)
    table = people_of(snapshot, [*question.quasi, *question.sensitive])
    manifest = snapshot.manifest
    where = platform.folder / "reports" / manifest.name
    facts = {
        "data": manifest.name,
        "snapshot": snapshot.digest,
        "mode": manifest.release_mode,
        "project": manifest.salt.removeprefix(VAULT_SALT)
        if manifest.salt.startswith(VAULT_SALT)
        else "",
        "made_at": iso(platform.clock.now()),
        "done": _done_before(where),
    }
    done = _measured(table, question, facts, where, platform.write)
    told = {
        "name_of_data": manifest.name,
        "snapshot": snapshot.digest,
        "quasi": list(question.quasi),
        "k": done.report["k"],
        "is_enough": done.report["is_enough"],
    }
    platform.ledger.append(platform.actor, "deidentify.risk", told)
    return done


def measure_file(
    source: Path,
    target: Path,
    question: RiskQuestion,
    write: WriteFile,
    *,
    made_at: str,
    subject: str = "",
    population: Path | None = None,
) -> Measured:
    """Measure a table with one row for each person (CSV or Parquet).

    Args:
        source: The table.
        target: Where the report is written.
        question: What is measured.
        write: Writes a file.
        made_at: ISO 8601.
        subject: The column that names a person who may have several rows: the first one counts.
        population: A table of all people of whom they are a part.

    Raises:
        NotFound: there is no such file.
        Invalid: it is no table, or a column is not there.
    """
    facts = {
        "data": source.name,
        "snapshot": "",
        "mode": ReleaseMode.EXPERT.value,
        "project": "",
        "made_at": made_at,
        "done": [],
    }
    table = _read(source)
    if subject:
        if subject not in table.columns:
            raise Invalid("There is no such column.", fix="name a column of the table.")
        table = table.unique(subject, keep="first", maintain_order=True)
    everybody = None if population is None else _read(population)
    return _measured(table, question, facts, target, write, population=everybody)


def people_of(snapshot: Snapshot, columns: list[str]) -> pl.DataFrame:
    """One row for each subject: `sex`, `age` (years at the first event), `birth_year`,
    `first_year`, or the last text or value of a code.

    Raises:
        Invalid: nothing of the data set gives a column.
    """  # noqa: D205 - the first line names what there is
    parts = [_people(shard, columns) for shard in snapshot.shards()]
    table = pl.concat(parts, how="vertical_relaxed").drop("subject_id")
    for name in columns:
        if table[name].null_count() == table.height:
            raise Invalid(
                f"No event gives a column '{name[:60]}'.",
                fix="use sex, age, birth_year, first_year, or a code of the data set.",
            )
    return table


def _people(events: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    code = pl.col("code").cast(pl.String)
    births = [one for one, kind in coded_identifiers().items() if kind == "birth_date"]
    born = pl.col("time").filter(code.is_in(births)).min()
    first = pl.col("time").filter(~code.is_in(births)).min()
    known = {
        "sex": pl.col("text").filter(code == SEX).last(),
        "birth_year": born.dt.year(),
        "first_year": first.dt.year(),
        "age": ((first - born) / YEAR).floor().cast(pl.Int64),
    }

    def of_code(name: str) -> pl.Expr:
        value = pl.col("value").round(6).cast(pl.String)
        return pl.coalesce("text", value).filter(code == name).last()

    made = [known.get(name, of_code(name)).alias(name) for name in columns]
    return events.group_by("subject_id").agg(*made)


def _measured(
    table: pl.DataFrame,
    question: RiskQuestion,
    facts: dict[str, Any],
    where: Path,
    write: WriteFile,
    *,
    population: pl.DataFrame | None = None,
) -> Measured:
    report = risk_of(table, question, population=population)
    told = {**report, "data": facts["data"], "made_at": facts["made_at"]}
    page, figures, dossier = (where / name for name in ("risk.html", "risk.json", "dossier.html"))
    write(page, risk_page(told).encode())
    write(figures, canonical_json({**told, "snapshot": facts["snapshot"]}))
    write(dossier, dossier_page(report, facts).encode())
    return Measured(report=told, page=page, figures=figures, dossier=dossier)


def _done_before(where: Path) -> list[dict[str, Any]]:
    """What the release did, if there was one."""
    try:
        told = json.loads((where / "release.json").read_bytes())["actions"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return list(told)


def _read(source: Path) -> pl.DataFrame:
    if not source.is_file():
        raise NotFound("There is no such file.", fix="give a CSV or Parquet file that is there.")
    try:
        if source.suffix == ".parquet":
            return pl.read_parquet(source)
        content = source.read_bytes()
        if source.suffix == ".gz":
            import gzip  # noqa: PLC0415 - rarely

            content = gzip.decompress(content)
        return pl.read_csv(BytesIO(content), infer_schema_length=10_000)
    except (pl.exceptions.PolarsError, OSError, EOFError):
        raise Invalid("This file is no table.", fix="give CSV or Parquet.") from None
