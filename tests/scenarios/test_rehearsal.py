"""A rehearsed month of the diagnosis: what is changed is found and mended, and people act on it."""

import json
import re
from pathlib import Path

import pytest

from bedside.core.errors import Invalid, Refused
from bedside.wiring.progress import LineProgress
from bedside.wiring.rehearsing import read_rehearsal, rehearse_in
from planned_ward import PLANNED

pytestmark = pytest.mark.xdist_group("rehearsal")

PLAN = """
days: 34
built_from: 0.5
patients_per_day: 8
questions_per_patient: 1
known_after: 2 d
lighter: other resamples for each interval
overrides: {evaluation.bootstrap: 120}
events:
  - {day: 1, then: quiet, until: 15}
  - {day: 15, then: live, because: fit to be shown}
  - day: 17
    then: rescale
    signal: mean_radius
    factor: 10
    until: 26
    because: another unit
    expect: {cause: [unit_change], within: 8}
  - {day: 25, then: hold, because: nobody shall see it}
  - {day: 26, then: resolve, because: the unit is converted again}
  - {day: 26, then: resume, because: the unit is converted again}
  - {day: 27, then: live, because: the unit is right again}
  - {day: 28, then: recalibrate, recent: 26, because: it is time}
  - {day: 29, then: live, of: newest, because: the risks are right again}
  - day: 30
    then: retrain_badly
    share: 0.4
    because: outcomes of another clinic
    expect: {refused: true}
  - {day: 31, then: rollback, because: rather the version before}
  - {day: 32, then: retrain, because: newer cases, expect: {stage: silent, within: 1}}
  - {day: 33, then: drop, signal: mean_area, expect: {cause: [unit_change], within: 1}}
"""


def a_model(folder: Path) -> Path:
    model = folder / "model"
    model.mkdir()
    (model / "bedside.yaml").write_text(
        PLANNED.replace("every_at_least: 90 d", "every_at_least: 0 d", 1)
        .replace("subjects_at_least: 500", "subjects_at_least: 300")
        .replace("bootstrap: 200", "bootstrap: 100")
    )
    return model


def test_a_month_is_told_with_what_was_found_what_people_did_and_what_was_missed(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)

    done = rehearse_in(
        tmp_path / "w",
        a_model(tmp_path),
        None,
        read_rehearsal(plan),
        progress=LineProgress(),
        tell=lambda _told: None,
    )

    told = [(one.day, one.what) for one in done.told]
    first = done.alarms[0]
    times = re.search(r"Radius of the nuclei, mean comes about ([\d.]+)", first.text)
    assert times is not None, first.text
    assert 9 < float(times[1]) < 11
    assert 17 <= first.day <= 25  # eight patients a day, against a baseline of sixty
    assert any("abstains from every answer" in what for day, what in told if day == first.day)
    assert any("gives scores again" in what for day, what in told if day == 26), told
    assert any("was rolled back" in what for day, what in told if day == 31), told
    met = {(one.day, one.planned.split()[0]): one.met for one in done.events}
    assert met[1, "nothing"] is True
    assert met[17, "mean"] is True
    assert met[30, "a"] is True, told  # the faulty extract is refused
    assert met[32, "a"] is True, told
    assert met[33, "mean"] is False  # a lost feed is no change of unit, and a day is too short
    assert not done.is_as_planned
    assert done.ledger_faults == ()
    live = {one.version for one in done.stages if one.stage.value == "live"}
    assert len(live) == 2

    page = Path(done.page).read_text()
    assert "other resamples for each interval" in page
    assert first.text in page
    assert "<script" not in page
    kept = json.loads(Path(done.page).with_suffix(".json").read_text())
    assert sum(one["answers"] for one in kept["figures"]) == 34 * 8
    with pytest.raises(Refused):
        rehearse_in(
            tmp_path / "w",
            tmp_path / "model",
            None,
            read_rehearsal(plan),
            progress=LineProgress(),
            tell=print,
        )


def test_a_plan_that_names_a_day_beyond_its_end_is_refused_with_the_line(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN.replace("day: 33", "day: 34"))

    with pytest.raises(Invalid, match="use 0 to 33"):
        read_rehearsal(plan)


def test_an_override_of_a_place_that_there_is_not_is_refused(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN.replace("evaluation.bootstrap", "judging.bootstrap"))

    with pytest.raises(Invalid, match=r"judging\.bootstrap"):
        rehearse_in(
            tmp_path / "w",
            a_model(tmp_path),
            None,
            read_rehearsal(plan),
            progress=LineProgress(),
            tell=print,
        )
