"""A plain table at once: what the answerer says of each row, asked over the inference wire."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from asked_alone import AskedAlone
from bedside.cli.score_words import scored_json, scored_words
from bedside.core.clock import iso
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import digest_bytes, subject_pseudonym
from bedside.core.records.answer import Abstention, Failure, Score
from bedside.core.records.asked import Facts
from bedside.core.records.bundle import FEATURES
from bedside.core.records.consent import Provision
from bedside.data.collect.bundled import breast_cancer
from bedside.features.definition import feature_set_from_json
from bedside.features.inputs import as_served
from bedside.infra.engines.local import LocalEngine
from bedside.interop.open_inference.metadata import inputs_of
from bedside.interop.open_inference.request import read_request
from bedside.lifecycle import scoring_rows
from bedside.lifecycle.build import build
from bedside.lifecycle.consents import record_consent
from bedside.lifecycle.erase import erase
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.scores import BatchScores
from bedside.lifecycle.scoring_rows import score_rows
from bedside.serve.made import Made
from bedside.usecases import folder_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.sources import collect_for
from bedside.wiring.workspace import actor_of, open_workspace
from data_folder import data_folder

pytestmark = pytest.mark.xdist_group("score_rows")  # its fixtures are made once


def _declared(name: str, place: Path, **changes: Any) -> Path:
    """A use case, quicker and warier than it is shipped."""
    told: dict[str, Any] = yaml.safe_load((folder_of(name) / "bedside.yaml").read_text())
    told["learner"] = {"kind": "lightgbm", "rounds": 20, "parameters": {"num_leaves": 7}}
    told["learner"] |= changes.pop("learner", {})
    told["evaluation"] |= {"bootstrap": 100} | changes.pop("evaluation", {})
    told["gates"] = [{"metric": "auroc", "at_least": 0.1}]
    told["hazards"], told["change_control"] = [], []
    for signal, more in changes.pop("signals", {}).items():
        told["signals"][signal] |= more
    folder = place / told["name"]
    folder.mkdir()
    (folder / "bedside.yaml").write_text(yaml.safe_dump(told | changes, sort_keys=False))
    return folder


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> tuple[Platform, Path]:
    place = tmp_path_factory.mktemp("rows")
    actor = actor_of("t", "validation")
    platform = open_workspace(place / "workspace", actor=actor, progress=LineProgress())
    return replace(platform, engine=LocalEngine(1)), place


@pytest.fixture(scope="module")
def heart(hospital: tuple[Platform, Path]) -> tuple[Platform, str, Path]:
    """Heart disease of two hospitals, with categories, and values that are missing or odd."""
    platform, place = hospital
    folder = _declared(
        "heart_disease",
        place,
        signals={"cholesterol": {"required": True}, "max_heart_rate": {"required": True}},
        eligibility=[{"signal": "age", "at_least": 35}],
        uncertainty={"domain": 0.92},
    )
    left = collect_for(platform, folder, data_folder("uci-heart-disease"))
    version = build(platform, folder, left).version.id
    events = pl.concat(list(platform.store.open("heart_disease/prepared").shards()))
    rows = events.select("subject_id", pl.col("code").cast(pl.String), "value", "text")
    bundle = open_bundle(platform, platform.registry.get(version))
    table = rows.select(pl.col("subject_id").alias("pseudonym")).unique().sort("pseudonym")
    for asked in inputs_of(bundle.declaration).values():
        told = "text" if asked.datatype == "BYTES" else "value"
        own = rows.filter(pl.col("code") == asked.code).select(
            pl.col("subject_id").alias("pseudonym"),
            pl.col(told).cast(pl.String if told == "text" else pl.Float64).alias(asked.name),
        )
        table = table.join(own, on="pseudonym", how="left", maintain_order="left")
    number = pl.int_range(pl.len())
    table = table.with_columns(
        pl.when(number % 41 == 3).then(9000.0).otherwise("cholesterol").alias("cholesterol"),
        pl.when(number % 37 == 5).then(1.0).otherwise("sbp").alias("sbp"),
        pl.when(number % 29 != 7).then(pl.lit("2026-03-01T12:00:00Z")).alias("as_of"),
    )
    table.write_parquet(place / "heart.parquet")
    return platform, version, place / "heart.parquet"


@pytest.fixture(scope="module")
def biopsies(hospital: tuple[Platform, Path]) -> tuple[Platform, str, Path]:
    """Biopsies with the model's certainty, as a CSV file."""
    platform, place = hospital
    folder = _declared(
        "diagnosis",
        place,
        learner={"calibration": "venn_abers"},
        evaluation={"split": {"train": 0.5, "tuning": 0.4, "held_out": 0.1}},
        uncertainty={"coverage": 0.9, "domain": 0.95},
    )
    version = build(platform, folder, None).version.id
    bundle = open_bundle(platform, platform.registry.get(version))
    signals = bundle.declaration.signals
    table = breast_cancer().select(
        pl.col("case").alias("subject"),
        *(pl.col(signals[name].column).alias(name) for name in inputs_of(bundle.declaration)),
    )
    number = pl.int_range(pl.len())
    odd = pl.when(number % 53 == 9).then(None).when(number % 59 == 4).then(1e9)
    table = table.with_columns(odd.otherwise("mean_area").alias("mean_area"))
    table.write_csv(place / "biopsies.csv")
    return platform, version, place / "biopsies.csv"


def _answers(
    platform: Platform, version: str, table: pl.DataFrame, now: list[Any]
) -> Iterator[Made]:
    """What the answerer says of each row, asked as an inference request."""
    alone = AskedAlone(platform, version)
    bundle = alone.bundle
    declared = as_served(bundle.declaration, feature_set_from_json(bundle.files[FEATURES]))
    inputs = inputs_of(declared)
    for row, moment in zip(table.iter_rows(named=True), now, strict=True):
        tensors = [
            {"name": name, "datatype": inputs[name].datatype, "shape": [1], "data": [value]}
            for name, value in row.items()
            if name in inputs and value is not None
        ]
        read = read_request(json.dumps({"inputs": tensors}).encode(), declared, now=moment)
        yield alone.about(Facts(events=read.events), read.as_of)


def _agree(platform: Platform, done: BatchScores, asked: pl.DataFrame) -> set[str | None]:
    """See that every row says what the answerer says; the reasons that came up."""
    table = pl.concat(list(done.tables(platform)))
    assert table["row"].to_list() == list(range(1, asked.height + 1))
    kinds = set()
    answers = _answers(platform, done.version.id, asked, table["as_of"].to_list())
    for row, made in zip(table.iter_rows(named=True), answers, strict=True):
        outcome = made.answer.outcome
        assert row["outcome"] == type(outcome).__name__.lower()
        assert iso(row["as_of"]) == made.answer.as_of
        match outcome:
            case Score():
                assert row["risk"] == pytest.approx(outcome.risk, rel=1e-12)
                assert (row["alert"], row["threshold"]) == (outcome.alert, outcome.threshold)
                assert (row["low"] is None) == (outcome.low is None)
                if outcome.low is not None:
                    told = [row["low"], row["high"]]
                    assert told == pytest.approx([outcome.low, outcome.high], rel=1e-12)
                assert row["likely"] == (outcome.likely and list(outcome.likely))
            case Abstention():
                assert (row["reason"], row["signal"]) == (outcome.reason, outcome.signal)
            case Failure():
                assert row["reason"] == outcome.code
        kinds.add(row["reason"])
    return kinds


def test_of_patients_with_categories_each_row_says_what_the_answerer_says(heart):
    platform, version, place = heart
    asked = pl.read_parquet(place)

    done = score_rows(platform, version, place)

    kinds = _agree(platform, done, asked)
    assert kinds == {None, "missing", "out_of_range", "not_eligible", "out_of_domain"}
    assert done.rows == done.subjects == asked.height > 500
    table = pl.concat(list(done.tables(platform)))
    assert table["subject_id"].to_list() == asked["pseudonym"].to_list()
    assert table["as_of"].n_unique() == 2


def test_of_biopsies_in_text_each_row_says_what_the_answerer_says(biopsies):
    platform, version, place = biopsies
    asked = pl.read_csv(place)

    done = score_rows(platform, version, place)

    assert _agree(platform, done, asked) == {None, "missing", "out_of_range", "out_of_domain"}
    table = pl.concat(list(done.tables(platform)))
    salt = open_bundle(platform, done.version).declaration.data.pseudonym_salt
    assert table["subject_id"].to_list() == [
        subject_pseudonym(one, salt=salt) for one in breast_cancer()["case"].cast(pl.String)
    ]
    assert table["likely"].drop_nulls().n_unique() > 1


def test_reasons_are_told_of_every_score_and_change_nothing_else(biopsies, tmp_path):
    platform, version, place = biopsies
    pl.read_csv(place).head(60).write_csv(tmp_path / "few.csv")
    told, plain = (
        pl.concat(list(done.tables(platform)))
        for done in (
            score_rows(platform, version, tmp_path / "few.csv", reasons=one)
            for one in (True, False)
        )
    )

    assert told.drop("reasons", "as_of").equals(plain.drop("as_of"))
    scored = told.filter(pl.col("outcome") == "score")
    assert scored["reasons"].list.len().min() >= 1
    assert told.filter(pl.col("outcome") != "score")["reasons"].null_count() > 0


def test_nothing_of_the_table_is_left_and_the_ledger_tells_of_it_without_a_row(biopsies):
    platform, version, place = biopsies
    before = set(platform.objects.digests())

    done = score_rows(platform, version, place)

    entry = list(platform.ledger.entries())[-1]
    assert entry.action == "score"
    assert entry.details["is_table"] is True
    assert entry.details["output"] == done.output
    assert entry.details["rows_count"] == done.rows == sum(done.counts.values())
    assert set(platform.objects.digests()) - before <= {done.output, *done.parts}
    for file in (platform.folder / "blobs").rglob("*"):
        assert not file.is_file() or not file.read_bytes().startswith((b"PAR1", b"ARROW1"))


def test_an_export_is_recorded_before_it_leaves(biopsies, tmp_path):
    platform, version, place = biopsies
    to = tmp_path / "scores.parquet"

    done = score_rows(platform, version, place, to=to)

    last = list(platform.ledger.entries())[-1]
    assert (last.action, last.details["file"]) == ("score.export", digest_bytes(to.read_bytes()))
    assert pl.read_parquet(to).equals(pl.concat(list(done.tables(platform))))
    with pytest.raises(Refused, match="there already"):
        score_rows(platform, version, place, to=to)


def test_a_version_that_is_not_live_is_not_scored_for_treatment(biopsies):
    platform, version, place = biopsies

    with pytest.raises(Refused) as refused:
        score_rows(replace(platform, actor=actor_of("t", "treatment")), version, place)

    assert refused.value.code == "not_released"


def test_a_run_that_was_stopped_goes_on_where_it_was_at_the_same_moment(
    biopsies, monkeypatch, tmp_path
):
    platform, version, place = biopsies
    monkeypatch.setattr(scoring_rows, "ROWS", 100)
    before = set(platform.objects.digests())
    ask = _Counting(platform, stop_after=2)

    with pytest.raises(KeyboardInterrupt):
        score_rows(replace(platform, engine=ask), version, place)
    left = set(platform.objects.digests()) - before
    on = _Counting(platform, stop_after=None)
    done = score_rows(replace(platform, engine=on), version, place)

    assert left  # what was scored, and no row of the table
    assert all(platform.objects.get(one).startswith(b"PAR1") for one in left)
    assert len(done.parts) == 6
    assert len(on.given) == len(done.parts) - 2
    whole = pl.concat(list(done.tables(platform)))
    assert whole["as_of"].n_unique() == 1
    monkeypatch.undo()
    other = pl.concat(list(score_rows(platform, version, place).tables(platform)))
    assert whole.drop("as_of").equals(other.drop("as_of"))
    assert other["as_of"][0] > whole["as_of"][0]


def test_who_refused_is_not_scored(biopsies, tmp_path):
    platform, version, place = biopsies
    table = pl.read_csv(place).head(20)
    table.write_csv(tmp_path / "few.csv")
    refusing = str(table["subject"][3])
    research = replace(platform, actor=actor_of("t", "research"))
    record_consent(platform, refusing, Provision(kind="deny"))

    done = score_rows(research, version, tmp_path / "few.csv")

    told = pl.concat(list(done.tables(platform)))
    assert told["row"].to_list() == [1, 2, 3, *range(5, 21)]
    assert (done.rows, done.left_out) == (19, 1)
    assert "Left out, as their patients refused it or were erased: 1." in scored_words(done)
    assert scored_json(done)["table"] == done.of
    assert list(platform.ledger.entries())[-1].details["left_out_count"] == 1


def test_erasing_somebody_of_whom_there_is_only_a_score_forgets_the_results(biopsies, tmp_path):
    platform, version, place = biopsies
    table = pl.read_csv(place).head(9).with_columns(subject=pl.lit("nobody else"))
    table.write_csv(tmp_path / "one.csv")
    done = score_rows(platform, version, tmp_path / "one.csv")

    erase(platform, "nobody else")

    assert not any(platform.objects.has(part) for part in done.parts)
    with pytest.raises(Invalid, match="Nobody is asked about"):
        score_rows(platform, version, tmp_path / "one.csv")
    with pytest.raises(NotFound):
        erase(platform, "and nobody at all")


def test_a_fault_anywhere_in_the_table_is_told_before_a_row_is_scored(biopsies, tmp_path):
    platform, version, place = biopsies
    lines = place.read_text().splitlines()
    lines[500] = lines[500].rsplit(",", 1)[0] + ",forty"
    (tmp_path / "odd.csv").write_text("\n".join(lines) + "\n")
    entries = len(list(platform.ledger.entries()))

    with pytest.raises(Invalid, match="row 500, is not a number") as told:
        score_rows(platform, version, tmp_path / "odd.csv")

    assert "forty" not in str(told.value)
    assert len(list(platform.ledger.entries())) == entries


class _Counting:
    """The real engine, that is stopped after so many tasks."""

    def __init__(self, platform: Platform, *, stop_after: int | None) -> None:
        self._engine, self._stop = platform.engine, stop_after
        self.given: list[bytes] = []

    def map(self, work: str, tasks: Any) -> Iterator[bytes]:
        self.given = list(tasks)
        for number, result in enumerate(self._engine.map(work, tasks)):
            if number == self._stop:
                raise KeyboardInterrupt
            yield result
