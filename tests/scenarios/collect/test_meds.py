"""MEDS data sets, counted again from the raw files by other means, and written as MEDS again."""

import importlib
import json
from collections import Counter
from io import BytesIO
from pathlib import Path
from types import ModuleType

import duckdb
import meds
import polars as pl
import pyarrow.parquet as pq
import pytest

from bedside.core.records.collection import Collection
from bedside.data.collect.facts import Batch
from bedside.data.collect.formats.meds import READER
from bedside.data.collect.parts import SourceFiles
from bedside.interop.collection import read_collection
from bedside.lifecycle.collect import collect
from bedside.lifecycle.data_export import export
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from data_folder import data_folder

pytestmark = pytest.mark.xdist_group("collect_meds")  # its fixtures are made once

ROOT = Path(__file__).parents[3]
DECLARED = ROOT / "src/bedside/usecases/sources/mimic_iv_demo_meds.yaml"


def the_source() -> Collection:
    return read_collection(DECLARED.read_bytes(), file=DECLARED.name)


@pytest.fixture(scope="module")
def conformance() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        return importlib.import_module("conformance.meds")


@pytest.fixture(scope="module")
def mimic() -> Batch:
    with SourceFiles(data_folder("mimic-iv-demo-meds"), the_source().files, ()) as files:
        (part,) = (READER.prepare(one) for one in files.parts(READER.split))
        return READER.collect(part, the_source(), files.beside)


def test_every_event_of_the_mimic_demo_is_a_fact_of_the_kind_that_its_code_says(
    mimic: Batch,
) -> None:
    (path,) = data_folder("mimic-iv-demo-meds").glob("*.parquet")
    counted = duckdb.execute(
        """SELECT CASE
            WHEN code LIKE 'LAB//%' OR code LIKE 'SUBJECT_%' THEN 'measurement'
            WHEN regexp_matches(code, '^(MEDICATION//|INFUSION_)') THEN 'medication_administration'
            WHEN code LIKE 'DIAGNOSIS//%' OR code LIKE 'DRG//%' THEN 'condition'
            WHEN code LIKE 'PROCEDURE//%' OR code LIKE 'HCPCS//%' THEN 'procedure'
            WHEN code LIKE 'GENDER//%' OR code = 'MEDS_BIRTH' THEN 'patient'
            WHEN code = 'MEDS_DEATH' THEN 'death'
            WHEN regexp_matches(code, '^(HOSPITAL|ICU|ED|TRANSFER)_') THEN 'encounter'
            ELSE 'observation' END AS kind, count(*), count(value), sum(value::DOUBLE)
        FROM read_parquet(?) GROUP BY kind ORDER BY kind""",
        [str(path)],
    ).fetchall()

    made = mimic.facts.group_by("kind").agg(
        pl.len(), pl.col("value").count().alias("count"), pl.col("value").sum().alias("sum")
    )
    made = made.sort("kind")
    assert sum(row[1] for row in counted) == 916_166
    assert mimic.rows_in == {"event": 916_166}
    assert [row[:3] for row in made.rows()] == [row[:3] for row in counted]
    assert made["sum"].to_list() == pytest.approx([row[3] or 0.0 for row in counted])
    assert mimic.bad == ()
    assert mimic.dropped == {"the column 'table' of a file is not taken": 1}


def test_every_kind_of_the_demo_has_its_rule(mimic: Batch) -> None:
    assert set(mimic.facts["kind"].unique()) == set(the_source().known_at)


def test_the_mimic_demo_is_accepted_by_meds_own_validation_after_it_was_collected(
    conformance: ModuleType, mimic: Batch
) -> None:
    (path,) = data_folder("mimic-iv-demo-meds").glob("*.parquet")

    judged = dict(conformance.checks("mimic", path.read_bytes(), mimic))

    assert judged == dict.fromkeys(judged, "")
    assert len(judged) == 7


def test_a_collected_data_set_goes_out_as_meds_and_comes_back_the_same(tmp_path: Path) -> None:
    raw = pl.concat(
        pl.read_parquet(path) for path in data_folder("aces-meds-samples").rglob("*.parquet")
    )
    source = the_source()
    platform = open_workspace(
        tmp_path / "w", actor=actor_of("test", "test"), progress=LineProgress()
    )

    with SourceFiles(data_folder("aces-meds-samples"), source.files, READER.passive) as files:
        collect(platform, source, files)
    told = export(platform, f"{source.name}/collected", tmp_path / "out", form="meds")

    data = pl.read_parquet(tmp_path / "out" / "data" / "*.parquet")
    for path in (tmp_path / "out" / "data").glob("*.parquet"):
        meds.DataSchema.validate(pq.read_table(path))
    assert told["events"] == raw.height == data.height
    assert told["loss"] == json.loads((tmp_path / "out" / "loss.json").read_bytes())
    assert told["loss"]["lost"]["source_place"] == raw.height
    exact = raw["numeric_value"].drop_nulls()
    rounded = (exact != exact.cast(pl.Float32).cast(pl.Float64)).sum()
    assert told["loss"]["lost"]["rounded"] == rounded
    assert histories(data) == histories(raw.with_columns(pl.col("numeric_value").cast(pl.Float32)))


def histories(rows: pl.DataFrame) -> Counter[int]:
    """What each subject's whole record says, whatever the subject is called."""
    said = rows.select("subject_id", pl.struct("time", "code", "numeric_value").hash().alias("row"))
    each = said.sort("row").group_by("subject_id").agg("row")
    return Counter(hash(tuple(row)) for row in each["row"].to_list())


def test_a_data_set_that_bedside_wrote_is_read_again_without_its_metadata(
    conformance: ModuleType, tmp_path: Path
) -> None:
    first = conformance.MedsExport()
    (path,) = data_folder("aces-meds-samples").rglob("held_out/0.parquet")
    written = first.shard(conformance.events_of(conformance.collected(path.read_bytes())))
    about = first.metadata(name="a", version="", etl_version="", created_at=conformance.NOW)
    for name, content in {"data/0.parquet": written, **about}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)

    with SourceFiles(tmp_path, ("*.parquet",), READER.passive) as files:
        names = [part.name for part in files.parts(READER.split)]
    again = conformance.MedsExport().shard(conformance.events_of(conformance.collected(written)))

    assert names == ["data/0.parquet"]
    assert pl.read_parquet(BytesIO(again)).equals(pl.read_parquet(BytesIO(written)))
