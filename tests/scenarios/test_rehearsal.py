"""A rehearsed month of the diagnosis: a changed unit is found, withheld, mended; then a refit."""

import pytest

from bedside.core.errors import Invalid, Refused
from bedside.wiring.progress import LineProgress
from bedside.wiring.rehearsing import read_rehearsal, rehearse_in
from planned_ward import PLANNED

pytestmark = pytest.mark.xdist_group("rehearsal")

PLAN = """
days: 32
built_from: 0.5
patients_per_day: 8
questions_per_patient: 1
known_after: 2 d
events:
  - {day: 15, then: live, because: fit to be shown}
  - {day: 17, then: rescale, signal: mean_radius, factor: 10, until: 25, because: another unit}
  - {day: 25, then: resolve, because: the unit is converted again}
  - {day: 25, then: resume, because: the unit is converted again}
  - {day: 30, then: retrain, because: newer cases}
"""


def test_a_changed_unit_is_found_withheld_and_mended_and_a_refit_answers_in_silence(tmp_path):
    model, plan = tmp_path / "model", tmp_path / "plan.yaml"
    model.mkdir()
    (model / "bedside.yaml").write_text(
        PLANNED.replace("every_at_least: 90 d", "every_at_least: 20 d", 1)
        .replace("subjects_at_least: 500", "subjects_at_least: 300")
        .replace("bootstrap: 200", "bootstrap: 100")
    )
    plan.write_text(PLAN)

    done = rehearse_in(
        tmp_path / "w",
        model,
        None,
        read_rehearsal(plan),
        progress=LineProgress(),
        tell=lambda _told: None,
    )

    told = [(one.day, one.what) for one in done.told]
    (alarm,) = [(day, what) for day, what in told if what.startswith("ALARM")]
    assert "Radius of the nuclei, mean comes about 10" in alarm[1]
    assert 17 <= alarm[0] <= 24  # eight patients a day, against a baseline of sixty
    assert any("abstains from every answer" in what for day, what in told if day == alarm[0])
    assert any("gives scores again" in what for day, what in told if day == 25)
    assert any("learnt anew, silent" in what for day, what in told if day == 30), told
    assert done.answers >= 32 * 8
    with pytest.raises(Refused):
        rehearse_in(
            tmp_path / "w", model, None, read_rehearsal(plan), progress=LineProgress(), tell=print
        )


def test_a_plan_that_names_a_day_beyond_its_end_is_refused_with_the_line(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN.replace("day: 30", "day: 32"))

    with pytest.raises(Invalid, match="use 0 to 31"):
        read_rehearsal(plan)
