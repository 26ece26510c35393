"""Groups of live patients are judged as an evaluation judges them, and its gates on them again."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bedside.core.records.declaration import Gate
from bedside.lifecycle.live_judging import judged_by_care, judged_in_groups
from bedside.monitor.judged.gates import judge_again
from bedside.monitor.judged.rows import LiveRows
from served import a_declaration

GATES = (
    Gate(metric="auroc", at_least=0.6, subgroup="sex"),
    Gate(metric="tpr_gap", at_most=0.1, subgroup="sex"),
)


def rows(n=3000, *, worse=0.0, few=8):
    """Two groups, of one of which the risks are worse, and a third of a few patients."""
    random = np.random.default_rng(2)
    group = np.where(np.arange(n) % 2 == 0, "female", "male").astype("U10")
    group[:few] = "other"
    odds = random.normal(-0.5, 1.5, n)
    label = (random.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    blurred = np.where((group == "male") & (random.random(n) < worse), -odds, odds)
    risk = 1 / (1 + np.exp(-blurred))
    none = np.zeros(n, dtype=bool)
    return LiveRows(
        day=np.zeros(n, np.int64), hours=np.zeros(n), subject=np.arange(n), scored=~none,
        risk=risk, label=label, threshold=np.full(n, 0.4), alert=risk >= 0.4, shown=~none,
        acted=none, event_hours=np.full(n, np.nan), groups={"sex": group},
    )  # fmt: skip


def told(some):
    declared = replace(a_declaration(), gates=GATES)
    whole = judged_by_care(some, declared, 200)["all"]
    groups = judged_in_groups(some, declared, 200)
    return groups, judge_again(GATES, {"metrics": whole["metrics"], **groups})


def test_levels_are_those_of_a_recomputation_and_few_patients_are_hidden():
    some = rows()

    groups, _ = told(some)

    levels = groups["subgroups"]["sex"]
    shown = [name for name, one in levels.items() if "why" not in one]
    assert levels["other"]["subjects"] is None
    assert len(shown) == 1, "one large level is hidden too, or the few could be worked out"
    inside = some.groups["sex"] == shown[0]
    assert levels[shown[0]]["metrics"]["auroc"]["estimate"] == pytest.approx(
        roc_auc_score(some.label[inside], some.risk[inside])
    )


@pytest.mark.parametrize(("worse", "states"), [(0.0, {"pass"}), (0.6, {"fail"})])
def test_gates_on_groups_are_kept_by_groups_alike_and_broken_by_one_that_is_worse(worse, states):
    some = rows(worse=worse, few=0)

    groups, gates = told(some)

    ill = some.label == 1
    rates = [some.alert[ill & (some.groups["sex"] == name)].mean() for name in ("female", "male")]
    gap = groups["fairness"]["sex"]["tpr_gap"]["estimate"]
    assert gap == pytest.approx(abs(rates[0] - rates[1]))
    assert {one.state for one in gates} == states
    assert gates[0].level == "male" or worse == 0.0
