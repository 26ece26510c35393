"""Synthea's patients as FHIR bundles and as a bulk export, against the raw JSON."""

import gzip
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pytest

from bedside.core.records.collection import Collection
from bedside.data.collect.facts import FACT_SCHEMA, Batch, Part, digest_of_records
from bedside.data.collect.formats.fhir import READER
from bedside.data.collect.parts import SourceFiles
from bedside.interop.collection import read_collection
from data_folder import data_folder
from fhir_reference import Facts, facts_of_bundle, facts_of_resource

pytestmark = pytest.mark.xdist_group("collect_fhir")  # its fixtures are made once

DECLARED = Path(__file__).parents[3] / "src/bedside/usecases/sources"
SAID = ["subject", "time", "end", "recorded", "kind", "code", "value", "unit", "text"]
SAID += ["encounter", "retracts"]
BUNDLES = 20  # of 172


@cache
def the_source(name: str) -> Collection:
    return read_collection((DECLARED / f"{name}.yaml").read_bytes(), file=f"{name}.yaml")


@cache
def raw_bundles() -> dict[str, bytes]:
    with zipfile.ZipFile(data_folder("synthea-fhir-r4") / "bundles.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".json"))
        shared = [name for name in names if "Information" in name]
        chosen = names[:: len(names) // BUNDLES][:BUNDLES] + shared
        return {name: archive.read(name) for name in dict.fromkeys(chosen)}


@pytest.fixture(scope="module")
def bundles() -> dict[str, Batch]:
    return {
        name: READER.collect(
            Part(name=name, content=content), the_source("synthea_fhir_r4"), nothing
        )
        for name, content in raw_bundles().items()
    }


@pytest.fixture(scope="module")
def bulk() -> dict[str, Batch]:
    source, folder = the_source("synthea_bulk"), data_folder("synthea-bulk-ndjson-10")
    with SourceFiles(folder, source.files, READER.passive) as files:
        parts = [READER.prepare(part) for part in files.parts(READER.split)]
        made = {part.name: READER.collect(part, source, files.beside) for part in parts}
    assert not files.bad
    return made


def nothing(_: str) -> None:
    return None


def raw_bulk() -> Iterator[tuple[str, bytes]]:
    for path in sorted(data_folder("synthea-bulk-ndjson-10").glob("[A-Z]*.ndjson.gz")):
        yield path.name.removesuffix(".gz"), gzip.decompress(path.read_bytes())


def sorted_facts(facts: Facts) -> list[str]:
    """In an order, and with times as text, whatever library made them."""
    return sorted(
        repr([one.isoformat() if isinstance(one, datetime) else one for one in fact])
        for fact in facts
    )


def test_a_bundle_gives_what_its_resources_say_one_by_one(bundles: dict[str, Batch]) -> None:
    zone = ZoneInfo(the_source("synthea_fhir_r4").timezone or "")

    for name, content in raw_bundles().items():
        told = bundles[name].facts.select(SAID).rows()
        expected = facts_of_bundle(json.loads(content), zone)

        assert bundles[name].facts.schema == pl.Schema(FACT_SCHEMA)
        assert sorted_facts(told) == sorted_facts(expected), name


def test_a_bulk_export_gives_what_its_lines_say_one_by_one(bulk: dict[str, Batch]) -> None:
    zone = ZoneInfo(the_source("synthea_bulk").timezone or "")
    expected = {
        name: [
            fact
            for line in content.splitlines()
            for fact in facts_of_resource(json.loads(line), {}, zone)
        ]
        for name, content in raw_bulk()
    }

    assert expected.keys() == bulk.keys()
    for name, batch in bulk.items():
        assert sorted_facts(batch.facts.select(SAID).rows()) == sorted_facts(expected[name]), name


def test_every_resource_is_counted_and_none_is_bad(
    bundles: dict[str, Batch], bulk: dict[str, Batch]
) -> None:
    read: Counter[str] = Counter()
    for batch in (*bundles.values(), *bulk.values()):
        assert not batch.bad
        read.update(batch.rows_in)
    expected: Counter[str] = Counter()
    for content in raw_bundles().values():
        expected.update(entry["resource"]["resourceType"] for entry in json.loads(content)["entry"])
    for _, content in raw_bulk():
        expected.update(json.loads(line)["resourceType"] for line in content.splitlines())

    assert read == expected


def test_what_gave_no_fact_is_told(bundles: dict[str, Batch], bulk: dict[str, Batch]) -> None:
    for batch in (*bundles.values(), *bulk.values()):
        records = batch.records.height
        with_facts = batch.facts["offset"].n_unique()
        in_whole = sum(
            count for reason, count in batch.dropped.items() if not reason.startswith("Patient")
        )

        assert records == sum(batch.rows_in.values())
        assert records == with_facts + in_whole


def test_observations_agree_with_duckdb_on_the_same_files(
    bundles: dict[str, Batch], tmp_path: Path
) -> None:
    for number, content in enumerate(raw_bundles().values()):
        (tmp_path / f"{number}.json").write_bytes(content)
    rows = duckdb.sql(
        f"""
        WITH entries AS (
            SELECT unnest(from_json(json -> 'entry', '["JSON"]')) ->> 'resource' AS resource
            FROM read_json_objects('{tmp_path}/*.json')
        ), observations AS (
            SELECT resource::JSON AS one FROM entries
            WHERE resource ->> 'resourceType' = 'Observation'
        ), parts AS (
            SELECT one AS part FROM observations
            UNION ALL
            SELECT unnest(from_json(one -> 'component', '["JSON"]')) FROM observations
        )
        SELECT 'LOINC//' || (part ->> '$.code.coding[0].code'), count(*),
            sum((part ->> '$.valueQuantity.value')::DOUBLE)
        FROM parts WHERE part ->> 'valueQuantity' IS NOT NULL
        GROUP BY 1
        """
    ).fetchall()
    facts = pl.concat([batch.facts for batch in bundles.values()])
    ours = (
        facts.filter(kind="observation")
        .filter(pl.col("value").is_not_null())
        .group_by("code")
        .agg(pl.len().alias("count"), pl.col("value").sum().alias("sum"))
    )

    assert {code: (count, pytest.approx(total)) for code, count, total in rows} == {
        code: (count, total) for code, count, total in ours.iter_rows()
    }


def test_each_fact_leads_back_to_the_bytes_of_its_record() -> None:
    name, content = next(iter(raw_bundles().items()))
    part = READER.prepare(Part(name=name, content=content))
    batch = READER.collect(part, the_source("synthea_fhir_r4"), nothing)
    lengths: dict[int, int] = dict(batch.records.select("offset", "length").iter_rows())
    records = {offset: part.content[offset : offset + length] for offset, length in lengths.items()}

    digests = digest_of_records([records[offset] for offset in batch.facts["offset"]])
    named = [json.loads(records[offset]) for offset in batch.facts["offset"]]
    identities = digest_of_records([f"{one['resourceType']}/{one['id']}" for one in named])

    assert batch.facts["record"].equals(digests)
    assert batch.facts["identity"].equals(identities)
    assert records.keys() >= set(batch.facts["offset"])


def test_every_record_of_a_patients_bundle_can_be_cut_out(bundles: dict[str, Batch]) -> None:
    for name, content in raw_bundles().items():
        patients = [
            entry["resource"]["id"]
            for entry in json.loads(content)["entry"]
            if entry["resource"]["resourceType"] == "Patient"
        ]
        whose: set[Any] = set(bundles[name].records["subject"]) - {None}

        assert whose == set(patients)


def test_cut_at_any_line_an_export_says_the_same(bulk: dict[str, Batch]) -> None:
    source = the_source("synthea_bulk")
    for name, content in raw_bulk():
        half = content.index(b"\n", len(content) // 2) + 1 if content.count(b"\n") > 1 else 0
        pieces = [content[:half], content[half:]]
        parts = [Part(name=name, content=piece) for piece in pieces if piece]
        facts = pl.concat([READER.collect(part, source, nothing).facts for part in parts])

        assert sorted_facts(facts.select(SAID).rows()) == sorted_facts(
            bulk[name].facts.select(SAID).rows()
        )


def test_every_kind_that_is_met_is_declared(
    bundles: dict[str, Batch], bulk: dict[str, Batch]
) -> None:
    for name, batches in (("synthea_fhir_r4", bundles), ("synthea_bulk", bulk)):
        kinds = {kind for batch in batches.values() for kind in batch.facts["kind"].unique()}

        assert kinds <= the_source(name).known_at.keys() <= READER.kinds
