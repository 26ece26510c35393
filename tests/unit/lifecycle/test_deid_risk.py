"""The risk of a data set is measured over its people, and told without naming one."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from bedside.core.errors import Invalid, NotFound
from bedside.core.records.snapshot import Zone
from bedside.infra.files import write_atomically
from bedside.lifecycle.deid_risk import measure_data, measure_file, people_of
from bedside.privacy.risk.report import RiskQuestion
from bedside.privacy.times import BIRTH
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from stored import a_row, a_store, events_of, saved


def rows(subject: int, sex: str, year: int) -> list[dict[str, object]]:
    born = datetime(year, 5, 6, tzinfo=UTC)
    return [
        a_row(subject, f"b{subject}", time=born, code=BIRTH, value=None),
        a_row(subject, f"s{subject}", code="BEDSIDE//sex", value=None, text=sex),
        a_row(subject, f"v{subject}", value=4.0 + subject),
    ]


def test_a_data_set_has_one_row_for_each_person(tmp_path: Path) -> None:
    snapshot = saved(a_store(tmp_path), events_of(*rows(1, "f", 1980), *rows(2, "m", 1970)))

    table = people_of(snapshot, ["sex", "birth_year", "age", "first_year", "LOINC//2823-3"])

    assert sorted(table.rows()) == [("f", 1980, 45, 2026, "5.0"), ("m", 1970, 55, 2026, "6.0")]
    with pytest.raises(Invalid, match="No event gives"):
        people_of(snapshot, ["LOINC//none"])


def test_a_measured_data_set_is_in_the_ledger(tmp_path: Path) -> None:
    platform = open_workspace(tmp_path, actor=actor_of("t", "test"), progress=LineProgress())
    platform.store.save(
        "ward",
        [events_of(*rows(1, "f", 1980), *rows(2, "m", 1970))],
        zone=Zone.IDENTIFIED,
        release_mode="identified",
        salt="s",
        sources=(),
    )

    done = measure_data(platform, "ward", RiskQuestion(quasi=("sex",), k=2))

    assert json.loads(done.figures.read_text())["k"] == 1
    assert "finding" in done.dossier.read_text()
    assert [entry.action for entry in platform.ledger.entries()][-1] == "deidentify.risk"


def test_a_person_with_several_rows_counts_once(tmp_path: Path) -> None:
    table = pl.DataFrame({"who": [1, 1, 2], "sex": ["f", "f", "f"]})
    table.write_csv(tmp_path / "t.csv")
    question = RiskQuestion(quasi=("sex",), k=2)

    def measured(name: str, **more: str) -> dict[str, object]:
        where = tmp_path / "out"
        made = measure_file(
            tmp_path / name, where, question, write_atomically, made_at="now", **more
        )
        return made.report

    assert measured("t.csv")["people"] == 3
    assert measured("t.csv", subject="who")["people"] == 2
    with pytest.raises(Invalid):
        measured("t.csv", subject="nobody")
    with pytest.raises(NotFound):
        measured("u.csv")
