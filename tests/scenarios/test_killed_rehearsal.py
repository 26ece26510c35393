"""A rehearsal that is killed with SIGKILL goes on where it was, and tells the same account."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.core.errors import Refused
from bedside.usecases import folder_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.rehearsing import read_rehearsal, rehearse_in
from house import ROOT

pytestmark = pytest.mark.xdist_group("rehearsal")

PLAN = """
days: 5
built_from: 0.5
patients_per_day: 8
questions_per_patient: 1
known_after: 2 d
overrides: {learner.rounds: 10, evaluation.bootstrap: 100}
events:
  - {day: 2, then: live, because: fit to be shown}
  - {day: 3, then: rescale, signal: mean_radius, factor: 10, because: another unit}
"""


def test_one_that_is_killed_at_drawn_moments_tells_what_one_without_a_stop_tells(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    model = folder_of("diagnosis")

    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "killed_rehearsal.py", tmp_path, model, plan, "5", "2"],
        capture_output=True, text=True, timeout=900, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["killed"], told["ended"]) == (2, 0)
    accounts = []
    for name in ("whole", "killed"):
        account = json.loads((tmp_path / name / "reports" / "rehearsal-diagnosis.json").read_text())
        account.pop("seconds")
        account["live_page"] = Path(account["live_page"]).name
        accounts.append(account)
        assert not (tmp_path / name / "rehearsal" / "kept").exists()
    assert accounts[0] == accounts[1]
    assert accounts[0]["ledger_faults"] == []
    with pytest.raises(Refused, match="there already"):  # it has ended
        rehearse_in(
            tmp_path / "killed", model, None, read_rehearsal(plan),
            progress=LineProgress(), tell=print,
        )  # fmt: skip
