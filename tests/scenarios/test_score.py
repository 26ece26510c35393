"""A version on every row at once: what the answerer says of each, sealed, and in the ledger."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from asked_alone import AskedAlone
from bedside.core.errors import Invalid, Refused
from bedside.core.ids import digest_bytes
from bedside.core.records.answer import Abstention, Failure, Score
from bedside.core.records.asked import Facts
from bedside.data.store.merging import fold_merges
from bedside.features.inputs import visible_at
from bedside.lifecycle import scoring
from bedside.lifecycle.build import build
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.scores import BatchScores
from bedside.lifecycle.scoring import score_version
from bedside.lifecycle.scoring_task import visible_events
from bedside.serve.made import Made
from bedside.usecases import folder_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from data_folder import data_folder

pytestmark = pytest.mark.xdist_group("score")  # its fixtures are made once

SIGNALS = ["heart_rate", "spo2", "temperature", "map", "respiratory_rate", "age", "sex", "sepsis"]
LEARNT_ON, OTHERS = 260, 45  # patients


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> tuple[Platform, str, Path]:
    """A small sepsis model of a workspace, and the table of other patients."""
    place = tmp_path_factory.mktemp("score")
    table = pl.read_parquet(
        data_folder("physionet-2019-sepsis") / "sepsis_setB.parquet", n_rows=14_000
    )
    patients = table["patient_id"].unique(maintain_order=True)
    for name, chosen in (
        ("mine", patients[:LEARNT_ON]),
        ("others", patients[LEARNT_ON : LEARNT_ON + OTHERS]),
    ):
        (place / name).mkdir()
        rows = table.filter(pl.col("patient_id").is_in(chosen.implode()))
        if name == "others":
            rows = _troubled(rows)
        rows.write_parquet(place / name / "sepsis_setB.parquet")
    model = place / "early_warning"
    model.mkdir()
    (model / "bedside.yaml").write_text(_declared())
    platform = open_workspace(
        place / "workspace", actor=actor_of("t", "validation"), progress=LineProgress()
    )
    return platform, build(platform, model, place / "mine").version.id, place / "others"


def _declared() -> str:
    told: dict[str, Any] = yaml.safe_load((folder_of("early_warning") / "bedside.yaml").read_text())
    told["signals"] = {name: told["signals"][name] for name in SIGNALS}
    told["signals"]["heart_rate"]["stale_after"] = "2h"
    told["features"] = [
        {"signals": SIGNALS[:5], "aggregates": ["last", "hours_since"]},
        {"signals": SIGNALS[:5], "aggregates": ["mean"], "windows": ["12h"]},
        {"signals": ["age", "sex"], "aggregates": ["last"]},
    ]
    told["learner"] = {"kind": "lightgbm", "rounds": 20, "parameters": {"num_leaves": 8}}
    told["evaluation"] |= {"bootstrap": 100, "folds": 2, "subgroups": {"sex": {"signal": "sex"}}}
    told["uncertainty"] = {"domain": 0.95}
    told["gates"] = [{"metric": "auroc", "at_least": 0.1}]
    told["hazards"], told["change_control"] = [], []
    del told["monitoring"]  # it responds by the plan
    told["eligibility"] = [{"signal": "age", "at_least": 40}]
    del told["channels"]["cds_hooks"]
    return yaml.safe_dump(told, sort_keys=False)


def _troubled(rows: pl.DataFrame) -> pl.DataFrame:
    """The real rows, with pulses that nobody has, and hours without one."""
    number = pl.int_range(pl.len())
    return rows.with_columns(
        pl.when(number % 401 == 7)
        .then(1.0)
        .when((number // 6) % 9 == 4)
        .then(None)
        .otherwise("HR")
        .alias("HR")
    )


@pytest.fixture(scope="module")
def scored(ward: tuple[Platform, str, Path]) -> BatchScores:
    platform, version, others = ward
    return score_version(platform, version, others)


def _answers(platform: Platform, done: BatchScores, asked: pl.DataFrame) -> Iterator[Made]:
    """What the answerer says of each row, given what the hospital could see then."""
    alone = AskedAlone(platform, done.version.id)
    (name,) = {
        one.name
        for one in platform.store.catalogue.entries()
        if one.name.endswith("/collected") and "elsewhere" in one.name
    }
    raw = pl.concat([fold_merges(one) for one in platform.store.open(name).shards()])
    times = asked.rename({"as_of": "prediction_time"})
    for moment, events in visible_events(raw, times):
        yield alone.about(Facts(events=tuple(visible_at(events, moment))), moment)


def test_a_batch_says_of_every_row_what_the_answerer_says_of_it(ward, scored):
    platform = ward[0]
    table = pl.concat(list(scored.tables(platform)))
    kinds = set()

    for row, made in zip(
        table.iter_rows(named=True),
        _answers(platform, scored, table.select("subject_id", "as_of")),
        strict=True,
    ):
        outcome = made.answer.outcome
        assert row["outcome"] == type(outcome).__name__.lower()
        match outcome:
            case Score():
                assert row["risk"] == pytest.approx(outcome.risk, rel=1e-12)
                assert (row["alert"], row["threshold"]) == (outcome.alert, outcome.threshold)
            case Abstention():
                assert (row["reason"], row["signal"]) == (outcome.reason, outcome.signal)
            case Failure():
                assert row["reason"] == outcome.code
        kinds.add(row["reason"])

    assert table.height == scored.rows > 1000
    assert kinds == {None, "missing", "stale", "out_of_range", "not_eligible", "out_of_domain"}


def test_reasons_are_those_of_the_answerer(ward, scored):
    platform, version, others = ward
    told = score_version(platform, version, others, reasons=True)
    table = pl.concat(list(told.tables(platform)))

    for row in table.iter_rows(named=True):
        assert (row["reasons"] is not None) == (row["outcome"] == "score")
    first = table.filter(pl.col("outcome") == "score")["reasons"][0]
    assert 1 <= len(first) <= 5
    assert first[0]["text"]
    plain = pl.concat(list(scored.tables(platform)))
    assert table.drop("reasons").equals(plain)


def test_the_ledger_has_one_entry_with_counts_and_the_output_and_no_row(ward, scored):
    platform = ward[0]
    entry = next(one for one in platform.ledger.entries() if one.action == "score")

    assert entry.purpose == "validation"
    assert entry.details["output"] == scored.output
    assert entry.details["rows_count"] == scored.rows == sum(scored.counts.values())
    assert entry.details["score_count"] == scored.counts["score"] > 0
    assert platform.objects.has(scored.output)


def test_a_row_at_rest_is_ciphertext(ward, scored):
    platform = ward[0]
    part = platform.objects.get(scored.parts[0])

    assert part.startswith(b"PAR1")
    for file in (platform.folder / "blobs").rglob("*"):
        assert not file.is_file() or not file.read_bytes().startswith(b"PAR1")


def test_an_export_is_recorded_before_it_leaves_and_overwrites_nothing(ward, tmp_path):
    platform, version, others = ward
    place = tmp_path / "scores.parquet"
    done = score_version(platform, version, others, to=place)

    last = list(platform.ledger.entries())[-1]
    assert (last.action, last.details["file"]) == ("score.export", digest_bytes(place.read_bytes()))
    assert pl.read_parquet(place).equals(pl.concat(list(done.tables(platform))))
    with pytest.raises(Refused, match="there already"):
        score_version(platform, version, others, to=place)
    with pytest.raises(Invalid, match=r"\.parquet"):
        score_version(platform, version, others, to=tmp_path / "scores.csv")


def test_a_version_that_is_not_live_is_not_scored_for_treatment(ward):
    platform, version, others = ward
    treating = replace(platform, actor=actor_of("t", "treatment"))

    with pytest.raises(Refused) as refused:
        score_version(treating, version, others)

    assert refused.value.code == "not_released"


def test_a_run_that_was_stopped_goes_on_where_it_was(ward, monkeypatch):
    platform, version, others = ward
    monkeypatch.setattr(scoring, "ROWS", 300)
    ask = _Counting(platform, stop_after=2)

    with pytest.raises(KeyboardInterrupt):
        score_version(replace(platform, engine=ask), version, others)
    on = _Counting(platform, stop_after=None)
    done = score_version(replace(platform, engine=on), version, others)

    assert len(on.given) == len(done.parts) - 2
    assert not set(on.given) & set(ask.finished)
    whole = pl.concat(list(done.tables(platform)))
    monkeypatch.undo()
    other = score_version(platform, version, others)
    assert whole.equals(pl.concat(list(other.tables(platform))))


class _Counting:
    """The real engine, that is stopped after so many tasks."""

    def __init__(self, platform: Platform, *, stop_after: int | None) -> None:
        self._engine, self._stop = platform.engine, stop_after
        self.given: list[bytes] = []
        self.finished: list[bytes] = []

    def map(self, work: str, tasks: Any) -> Iterator[bytes]:
        self.given = list(tasks)
        for result, task in zip(self._engine.map(work, tasks), tasks, strict=True):
            if len(self.finished) == self._stop:
                raise KeyboardInterrupt
            self.finished.append(task)
            yield result
