"""An OMOP CDM in SQLite and in PostgreSQL, read as it stands and never written."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import psycopg
import pytest

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable
from bedside.core.records.collection import Collection
from bedside.data.adapters import omop_database
from bedside.data.adapters.omop_database import OmopDatabase
from bedside.data.collect.formats.omop import READER
from postgres_server import a_postgres_url, drop_databases

TABLES = """
CREATE TABLE {s}person (person_id INTEGER PRIMARY KEY, gender_concept_id INTEGER,
    year_of_birth INTEGER, race_concept_id INTEGER, ethnicity_concept_id INTEGER);
CREATE TABLE {s}measurement (measurement_id BIGINT, person_id INTEGER,
    measurement_concept_id INTEGER, measurement_date DATE, measurement_datetime TIMESTAMP,
    measurement_type_concept_id INTEGER, value_as_number NUMERIC, unit_source_value VARCHAR(50));
CREATE TABLE {s}note (note_id INTEGER, person_id INTEGER, note_date DATE, note_text TEXT);
CREATE TABLE {s}concept (concept_id INTEGER, vocabulary_id VARCHAR(20), concept_code VARCHAR(50),
    concept_name VARCHAR(255));
INSERT INTO {s}person VALUES (7, 8532, 1950, 0, 0);
INSERT INTO {s}measurement VALUES
    (2, 7, 3004410, '2026-03-02', '2026-03-02 08:30:00', 0, 6.5, '%'),
    (1, 7, 3004410, '2026-03-01', NULL, 0, 6.25, '%'),
    (3, 7, 99, '2026-03-03', NULL, 0, NULL, NULL);
INSERT INTO {s}note VALUES (1, 7, '2026-03-01', 'She said a secret.');
INSERT INTO {s}concept VALUES (3004410, 'LOINC', '4548-4', 'Hemoglobin A1c')
"""
SOURCE = Collection(
    bedside=1,
    name="cdm",
    title="A CDM",
    format="omop",
    licence="none",
    release_mode="identified",
    known_at={},
    timezone="UTC",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        with sqlite3.connect(tmp_path / "cdm?.sqlite") as connection:
            connection.executescript(TABLES.format(s="") + ";")
        connection.close()
        yield f"sqlite:///{tmp_path}/cdm%3F.sqlite"
        return
    server = a_postgres_url()
    with psycopg.connect(server, autocommit=True) as postgres:
        postgres.execute("CREATE SCHEMA cdm")
        for statement in TABLES.format(s="cdm.").split(";"):
            postgres.execute(statement)  # type: ignore[arg-type]
    yield f"{server}?schema=cdm"
    drop_databases()


def test_a_database_gives_the_facts_of_its_rows(url: str) -> None:
    with OmopDatabase(url) as database:
        batches = [READER.collect(part, SOURCE, database.beside) for part in database.parts()]

    facts = pl.concat(batch.facts for batch in batches)
    measured = facts.filter(pl.col("kind") == "measurement").sort("time")
    assert measured.select("subject", "code", "value", "unit").rows() == [
        ("7", "LOINC//4548-4", 6.25, "%"),
        ("7", "LOINC//4548-4", 6.5, "%"),
        ("7", "OMOP//99", None, None),
    ]
    assert [str(one) for one in measured["time"]] == [
        "2026-03-01 23:59:59.999999+00:00",
        "2026-03-02 08:30:00+00:00",
        "2026-03-03 23:59:59.999999+00:00",
    ]


def test_the_text_of_a_note_never_leaves_the_database(url: str) -> None:
    with OmopDatabase(url) as database:
        parts = list(database.parts())

    assert not any(b"secret" in part.content for part in parts)


def test_a_large_table_comes_in_pieces_that_stay_the_same_when_it_grows(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(omop_database, "ROWS", 2)

    with OmopDatabase(url) as database:
        first = {part.name: part.content for part in database.parts()}
    with OmopDatabase(url) as database:
        again = {part.name: part.content for part in database.parts()}

    pieces = [name for name in first if name.startswith("measurement")]
    assert pieces == ["measurement-000000.parquet", "measurement-000001.parquet"]
    assert first == again


def test_nothing_can_be_written(url: str) -> None:
    with OmopDatabase(url) as database, pytest.raises(Exception, match=r"(?i)read.?only"):
        database._connection.exec_driver_sql(
            f"DELETE FROM {'cdm.' if 'schema' in url else ''}person"
        )


def test_a_database_without_the_cdm_is_told(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "other.sqlite").close()
    (tmp_path / "other.sqlite").touch()

    with pytest.raises(NotFound, match="no clinical table"):
        OmopDatabase(f"sqlite:///{tmp_path}/other.sqlite")


def test_a_value_of_another_type_in_sqlite_is_a_bad_record_and_no_crash(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "cdm.sqlite") as connection:
        connection.executescript(TABLES.format(s="") + ";")
        connection.execute(
            "INSERT INTO measurement VALUES ('x', 7, 1, 'never', 17, 0, 'high', 5),"
            " (9, 7, 1, 1, 2, 0, 1, 1)"
        )
    connection.close()

    with OmopDatabase(f"sqlite:///{tmp_path}/cdm.sqlite") as database:
        batches = [READER.collect(one, SOURCE, database.beside) for one in database.parts()]

    reasons = sorted(bad.reason for batch in batches for bad in batch.bad)
    assert "measurement_date is no date, or one in no possible year" in reasons
    assert "measurement_id is not a whole number" in reasons
    assert sum(batch.facts.height for batch in batches) == 2 + 3


@pytest.mark.parametrize(
    ("url", "kind", "code"),
    [
        ("postgresql://u:hunter2@db.example.org/cdm", Refused, "database_without_tls"),
        ("mysql://u:hunter2@127.0.0.1/cdm", Invalid, "database_url"),
        ("postgresql://u:hunter2@127.0.0.1/cdm?options=x", Invalid, "database_url"),
        ("sqlite://", Invalid, "database_url"),
        ("hunter2", Invalid, "database_url"),
        ("postgresql://u:hunter2@127.0.0.1:9/cdm", Unavailable, "database_unavailable"),
        ("sqlite:////no/such/hunter2.sqlite", Unavailable, "database_unavailable"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_without_its_password(
    url: str, kind: type[BedsideError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        OmopDatabase(url)

    assert caught.value.code == code
    assert "hunter2" not in str(caught.value)
