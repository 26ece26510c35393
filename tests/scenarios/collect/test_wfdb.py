"""The WFDB sample records, counted again from the raw files with the package of PhysioNet."""

import math
import zipfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bedside.core.errors import Invalid
from bedside.core.records.collection import Collection
from bedside.data.collect.facts import Batch, Part
from bedside.data.collect.formats.wfdb import READER, WINDOW_SECONDS
from bedside.data.collect.parts import SourceFiles
from bedside.interop.collection import read_collection
from data_folder import data_folder
from wfdb_oracle import rdann, rdrecord

pytestmark = pytest.mark.xdist_group("collect_wfdb")  # its fixtures are made once

DECLARED = Path(__file__).parents[3] / "src/bedside/usecases/sources/wfdb_samples.yaml"
RECORDS = [
    "03700181", "100", "100_3chan", "a103l", "a103l-no-len", "binformats", "flacformats",
    "mixedsignals", "multi-segment/041s/041s", "s0010_re", "v102s",
]  # fmt: skip
ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)


@cache
def the_source() -> Collection:
    return read_collection(DECLARED.read_bytes(), file=DECLARED.name)


@pytest.fixture(scope="module")
def batches() -> dict[str, Batch]:
    folder = data_folder("wfdb-samples")
    with SourceFiles(folder, the_source().files, READER.passive) as found:
        parts = list(found.parts(READER.split))
        return {part.name: READER.collect(part, the_source(), found.beside) for part in parts}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wfdb")
    (path,) = data_folder("wfdb-samples").glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def test_each_record_gives_its_signals_and_their_windows(
    batches: dict[str, Batch], unpacked: Path
) -> None:
    for name in RECORDS:
        oracle = rdrecord(str(unpacked / name))
        facts = batches[f"{name}.hea"].facts
        kinds = dict(facts["kind"].value_counts().iter_rows())
        windows = 0
        for column in oracle.p_signal.T:
            width = WINDOW_SECONDS * oracle.fs
            starts = [math.ceil(n * width) for n in range(math.ceil(len(column) / width))]
            pieces = np.split(column, starts[1:])
            windows += sum(np.isfinite(piece).any() for piece in pieces)
        assert kinds["waveform"] == oracle.n_sig, name
        assert kinds["measurement"] == 3 * windows, name
        assert batches[f"{name}.hea"].rows_in == {"record": 1, "signal": oracle.n_sig}


def test_the_windows_say_what_the_samples_say(batches: dict[str, Batch], unpacked: Path) -> None:
    oracle = rdrecord(str(unpacked / "100"))
    second = oracle.p_signal[3600:7200, 0]

    facts = batches["100.hea"].facts.filter(pl.col("time") == ORIGIN + timedelta(seconds=10))
    told = {code: (value, unit) for code, value, unit in facts["code", "value", "unit"].iter_rows()}

    assert told["WFDB//MLII//mean"] == (pytest.approx(second.mean()), "mV")
    assert told["WFDB//MLII//min"] == (second.min(), "mV")
    assert told["WFDB//MLII//max"] == (second.max(), "mV")
    assert facts["end"].unique().to_list() == [ORIGIN + timedelta(seconds=20)]


def test_each_annotation_is_one_fact_at_its_time(batches: dict[str, Batch], unpacked: Path) -> None:
    found = [name for name in batches if not name.endswith((".hea", ".edf"))]
    assert len(found) == 9
    for name in found:
        record, _, annotator = name.partition(".")
        oracle = rdann(str(unpacked / record), annotator)
        batch = batches[name]
        assert batch.facts.height == batch.rows_in["annotation"] == len(oracle.sample), name
    beats = batches["100.atr"].facts
    assert beats["code"].value_counts().filter(pl.col("code") == "WFDB//A")["count"].item() == 33
    rhythm = beats.filter(pl.col("code") == "WFDB//+")
    assert rhythm["text"].to_list() == ["(N"]
    assert rhythm["time"].to_list() == [ORIGIN + timedelta(seconds=18 / 360)]


def test_what_cannot_be_read_is_set_aside_and_a_segment_is_read_with_its_record(
    batches: dict[str, Batch],
) -> None:
    bad = {name: batch.bad[0].reason for name, batch in batches.items() if batch.bad}
    assert bad == {
        "1003.hea": "a signal file is missing",
        "12726.hea": "a signal file is missing",
        "test_edfann.edf": "it is an EDF file, not a WFDB record: convert it with edf2mit",
    }
    for name in ("041s01", "041s02"):
        batch = batches[f"multi-segment/041s/{name}.hea"]
        assert batch.facts.is_empty()
        assert batch.dropped == {"a segment of another record, which is read with it": 1}
        assert batch.records["subject"].to_list() == ["041s"]


def test_age_sex_and_diagnoses_come_from_the_comments(batches: dict[str, Batch]) -> None:
    told = {
        (name, code): (value, text)
        for name, batch in batches.items()
        for code, value, text in batch.facts.filter(pl.col("time").is_null())[
            "code", "value", "text"
        ].iter_rows()
    }
    assert told == {
        ("100.hea", "WFDB//age"): (69.0, None),
        ("100.hea", "BEDSIDE//sex"): (None, "male"),
        ("s0010_re.hea", "WFDB//age"): (81.0, None),
        ("s0010_re.hea", "BEDSIDE//sex"): (None, "female"),
        ("s0010_re.hea", "WFDB//reason for admission"): (None, "Myocardial infarction"),
        ("s0010_re.hea", "WFDB//acute infarction (localization)"): (None, "infero-latera"),
        ("s0010_re.hea", "WFDB//additional diagnoses"): (None, "Diabetes mellitus"),
    }


def test_a_record_with_a_date_is_placed_in_the_zone_of_the_source(
    batches: dict[str, Batch],
) -> None:
    first = batches["03700181.hea"].facts["time"].min()
    assert first == datetime(1994, 8, 15, 21, 27, 45, tzinfo=UTC)  # 17:27:45 in Boston


def test_every_kind_is_declared_and_every_fact_is_whole(batches: dict[str, Batch]) -> None:
    facts = pl.concat([batch.facts for batch in batches.values()])
    assert set(facts["kind"]) == set(the_source().known_at)
    assert facts["subject"].null_count() == facts["record"].null_count() == 0
    assert facts["value"].drop_nulls().is_finite().all()
    again = facts.group_by("subject", "time", "code", "record").len()
    assert again.filter(pl.col("code").str.ends_with("//mean") & (pl.col("len") > 1)).is_empty()


def the_batch(content: bytes, **declared: str | None) -> Batch:
    source = Collection(
        bedside=1, name="x", title="x", format="wfdb", licence="x", release_mode="identified",
        known_at={}, **declared,
    )  # fmt: skip
    return READER.collect(Part(name="r.hea", content=content), source, lambda _: None)


def test_a_record_without_a_date_needs_a_declared_origin_and_one_with_a_date_needs_a_zone() -> None:
    undated, dated = b"r 1 10 2\nr.dat 16\n", b"r 1 10 2 10:00:00 01/02/2020\nr.dat 16\n"

    assert the_batch(undated, timezone="UTC").bad[0].reason == (
        "the record has no date and the source declares no origin"
    )
    assert the_batch(dated, origin="2000-01-01T00:00:00Z").bad[0].reason == (
        "the time has no zone and the source declares no timezone"
    )
    with pytest.raises(Invalid, match="origin of the source is wrong"):
        the_batch(undated, origin="yesterday")
