"""The public tables, read as declared and counted again by the csv module and plain Python."""

import csv
import gzip
import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from bedside.core.records.collection import Collection
from bedside.core.records.table_mapping import TableColumn, TableMapping
from bedside.data.collect.facts import Batch, Part
from bedside.data.collect.formats.table import READER
from bedside.data.collect.parts import SourceFiles
from bedside.interop.collection import read_collection
from data_folder import data_folder

SOURCES = Path(__file__).parents[3] / "src/bedside/usecases/sources"
ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
Row = dict[str, str]


def collected(
    name: str, folder: str, *, every: int = 1
) -> tuple[Collection, list[Part], pl.DataFrame, list[Batch]]:
    """The declaration, the parts that were read, all facts, and the batches."""
    source = read_collection((SOURCES / f"{name}.yaml").read_bytes(), file=f"{name}.yaml")
    with SourceFiles(data_folder(folder), source.files) as files:
        parts = [READER.prepare(part) for part in files.parts(READER.split)][::every]
        assert READER.collect_all is not None
        batches = READER.collect_all(parts, source, files.beside)
    assert files.bad == []
    assert not any(batch.bad for batch in batches)
    for part, batch in zip(parts, batches, strict=True):
        assert sum(batch.rows_in.values()) == batch.records.height
        assert set(batch.facts["offset"]) <= set(batch.records["offset"])
        assert (batch.records["offset"] + batch.records["length"]).max() <= len(part.content)
    return source, parts, pl.concat([batch.facts for batch in batches]), batches


def rows_of(content: bytes, separator: str = ",") -> list[Row]:
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    return list(csv.DictReader(text, delimiter=separator))


def says(column: TableColumn, mapping: TableMapping, written: str | None) -> bool:
    """Whether a cell is a value, by what the declaration says of the column."""
    cell = (written or "").strip()
    absent = {"", *mapping.missing, *column.missing}
    if cell in absent or cell.removesuffix(".0") in absent:
        return False
    if column.categories is not None:
        assert cell in column.categories or cell.removesuffix(".0") in column.categories, column
    return True


def counted(mapping: TableMapping, rows: list[Row]) -> Counter[str]:
    """How many facts of each code a wide table should give."""
    return Counter(
        column.code
        for row in rows
        for name, column in mapping.columns.items()
        if says(column, mapping, row[name])
    )


def by_code(facts: pl.DataFrame) -> Counter[str]:
    return Counter(facts["code"].to_list())


def dropped(batches: list[Batch]) -> Counter[str]:
    return sum((Counter(batch.dropped) for batch in batches), Counter())


def test_every_reading_of_the_glucose_sensors_becomes_one_fact_at_its_moment():
    source, _, facts, batches = collected("cgm", "cgm-iglu")
    (path,) = data_folder("cgm-iglu").glob("*.csv.gz")
    rows = rows_of(gzip.decompress(path.read_bytes()))

    assert facts.height == len(rows) == 13_866
    assert dropped(batches) == {}
    five_hours_behind = timedelta(hours=5)
    expected = Counter(
        (row["id"], datetime.fromisoformat(row["time"]).replace(tzinfo=UTC) + five_hours_behind,
         float(row["gl"]))
        for row in rows
    )  # fmt: skip
    assert Counter(facts.select("subject", "time", "value").rows()) == expected
    assert source.tables[0].key == ("id", "time")
    assert facts["identity"].n_unique() == len({(row["id"], row["time"]) for row in rows})


def test_every_day_of_a_fitbit_becomes_thirteen_sums_at_its_end():
    source, _, facts, batches = collected("fitbit", "fitbit-fitabase-daily")
    rows = rows_of((data_folder("fitbit-fitabase-daily") / "dailyActivity_merged.csv").read_bytes())

    assert by_code(facts) == counted(source.tables[0], rows)
    assert set(by_code(facts).values()) == {len(rows)} == {940}
    assert dropped(batches) == {}
    steps = facts.filter(pl.col("code") == "LOINC//41950-7")
    expected = Counter(
        (
            row["Id"],
            datetime.strptime(row["ActivityDate"], "%m/%d/%Y").replace(tzinfo=UTC)
            + timedelta(days=1, microseconds=-1),
            float(row["TotalSteps"]),
        )
        for row in rows
    )
    assert Counter(steps.select("subject", "time", "value").rows()) == expected


def test_every_cell_of_the_heart_tables_that_is_not_missing_becomes_a_fact():
    source, _, facts, batches = collected("heart_disease", "uci-heart-disease")
    folder = data_folder("uci-heart-disease")

    expected: Counter[str] = Counter()
    for mapping in source.tables:
        rows = rows_of((folder / mapping.files).read_bytes())
        expected += counted(mapping, rows)
        expected["BEDSIDE//site"] += len(rows)
    assert by_code(facts) == expected
    assert dropped(batches) == {}
    assert facts["subject"].n_unique() == 303 + 294
    sick = facts.filter(
        (pl.col("code") == "UCI//vessels_narrowed") & (pl.col("text") != "no vessel")
    )
    raw = [row for name in ("cleveland", "hungarian")
           for row in rows_of((folder / f"processed.{name}.csv").read_bytes())]  # fmt: skip
    assert sick.height == sum(row["num"] not in ("0", "?") for row in raw)


def long_rows(parts: list[Part]) -> Iterator[tuple[str, Row]]:
    """The rows of the stays that were read, straight from the archive, with the stay's name."""
    wanted = {part.name for part in parts}
    with zipfile.ZipFile(data_folder("physionet-2012-icu") / "set-a.zip") as archive:
        for name in wanted & set(archive.namelist()):
            for row in rows_of(archive.read(name)):
                yield Path(name).stem, row


def test_every_value_of_some_of_the_intensive_care_stays_is_read():
    source, parts, facts, batches = collected("physionet_2012", "physionet-2012-icu", every=24)
    outcomes, stays = source.tables
    rows = list(long_rows(parts))

    expected = Counter(
        (stay, stays.codes[row["Parameter"]].code)
        for stay, row in rows
        if says(stays.codes[row["Parameter"]], stays, row["Value"])
    )
    # The first part is Outcomes-a.txt; a stay of -1 days is one whose end is not told.
    told = rows_of((data_folder("physionet-2012-icu") / "Outcomes-a.txt").read_bytes())
    for row in told:
        for name, column in outcomes.columns.items():
            expected[row["RecordID"], column.code] += says(column, outcomes, row[name])
    assert parts[0].name == "Outcomes-a.txt"
    assert Counter(facts.select("subject", "code").rows()) == +expected
    assert dropped(batches) == {}
    read = sum((Counter(batch.rows_in) for batch in batches), Counter())
    assert read == {"Outcomes-a.txt": len(told), "set-a/*.txt": len(rows)}
    pulse = facts.filter(pl.col("code") == "LOINC//8867-4")
    expected_pulse = Counter(
        (stay, ORIGIN + timedelta(hours=int(row["Time"][:2]), minutes=int(row["Time"][3:])),
         float(row["Value"]))
        for stay, row in rows if row["Parameter"] == "HR"
    )  # fmt: skip
    assert Counter(pulse.select("subject", "time", "value").rows()) == expected_pulse


@pytest.mark.parametrize("every", [3])
def test_every_hour_of_the_piped_files_is_read(every):
    source, parts, facts, batches = collected(
        "physionet_2019_files", "physionet-2019-sepsis", every=every
    )
    (mapping,) = source.tables
    wanted = {part.name for part in parts}
    expected: Counter[tuple[str, str]] = Counter()
    hours = 0
    with zipfile.ZipFile(data_folder("physionet-2019-sepsis") / "psv_sample_300.zip") as archive:
        for name in wanted & set(archive.namelist()):
            rows, stay = rows_of(archive.read(name), "|"), Path(name).stem
            hours += len(rows)
            expected[stay, "BEDSIDE//icu_hour"] += len(rows)
            for code, count in counted(mapping, rows).items():
                expected[stay, code] += count

    assert Counter(facts.select("subject", "code").rows()) == expected
    assert dropped(batches) == {}
    assert sum(batch.rows_in["*.psv"] for batch in batches) == hours
    assert facts.filter(pl.col("code") == "BEDSIDE//icu_hour")["record"].n_unique() == hours
