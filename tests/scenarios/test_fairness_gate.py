"""A model made unfair on purpose is stopped by its gate, and each mitigation answers for itself.

Real stays of people with diabetes (130 US hospitals, UCI 296, CC BY 4.0), one a patient. In a copy
of the table, six in ten readmissions of the women among the training subjects are struck out, as
if fewer women had been followed up. Tuning and held-out subjects are as they were.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest

from bedside.cohorts.splits import side_of
from bedside.core.errors import Invalid, Refused
from bedside.core.ids import stable_share, subject_pseudonym
from bedside.core.records.evidence import figure_text
from bedside.core.records.split import Split
from bedside.lifecycle.build import build
from bedside.lifecycle.package import declaration_of
from bedside.lifecycle.release import approve, open_bundle
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from data_folder import data_folder

pytestmark = pytest.mark.xdist_group("fairness_gate")  # its fixtures are made once

PATIENTS = 9000
STRUCK_OUT = 0.6
NUMBERS = {
    "time_in_hospital": "d",
    "num_lab_procedures": "{count}",
    "num_procedures": "{count}",
    "num_medications": "{count}",
    "number_outpatient": "{count}",
    "number_emergency": "{count}",
    "number_inpatient": "{count}",
    "number_diagnoses": "{count}",
}
SIGNALS = "\n".join(
    f"  {name}: {{label: {name}, code: STAY//{name}, column: {name}, unit: '{unit}', "
    f"visible_after: 0 min}}"
    for name, unit in NUMBERS.items()
)
DECLARATION = f"""
bedside: 1
name: back_again
title: Back in hospital, ever
intended_use:
  {{decision: whom to call, users: [nurses], population: diabetes, not_for: [discharge]}}
data:
  file: stays.parquet
  licence: CC BY 4.0
  release_mode: safe_harbor
  subject: patient_nbr
  clock: {{origin: "2000-01-01T00:00:00Z"}}
  row_event: BEDSIDE//stay
signals:
{SIGNALS}
  sex: {{label: sex, code: SEX//administrative, column: gender, visible_after: 0 min, role: static,
        categories: {{Female: female, Male: male}}}}
  back: {{label: readmission, code: OUTCOME//back, column: back, visible_after: 0 min,
         happens_after: 3 d, role: outcome}}
question:
  ask: will this patient be back?
  predicates: {{stay: {{code: BEDSIDE//stay}}, back: {{code: OUTCOME//back}}}}
  trigger: stay
  windows:
    target: {{start: trigger, end: trigger + 7 d, label: back}}
  data_end: "2000-02-01T00:00:00Z"
features:
  - signals: [{", ".join(NUMBERS)}]
    aggregates: [last]
  - signals: [sex]
    aggregates: [last]
learner:
  rounds: 40
  threads: 1
  parameters: {{learning_rate: 0.1, num_leaves: 8, min_data_in_leaf: 50, lambda_l2: 5.0}}
evaluation:
  threshold: {{sensitivity: 0.6}}
  subgroups: {{sex: {{signal: sex}}}}
  bootstrap: 200
gates:
  - {{metric: tpr_gap, subgroup: sex, at_most: 0.1}}
channels: {{inference: true}}
"""


def stays(*, unfair):
    """The first stay of each of some patients, with what was struck out where `unfair`."""
    raw = data_folder("diabetes-130-hospitals") / "diabetic_data.csv.gz"
    table = (
        pl.read_csv(raw, infer_schema_length=None, null_values="?")
        .filter(pl.col("gender").is_in(["Female", "Male"]))
        .sort("encounter_id")
        .unique("patient_nbr", keep="first", maintain_order=True)
        .head(PATIENTS)
        .select(
            pl.col("patient_nbr").cast(pl.String),
            *NUMBERS,
            "gender",
            (pl.col("readmitted") != "NO").cast(pl.Int64).alias("back"),
        )
    )
    if not unfair:
        return table
    struck = [
        sex == "Female"
        and side_of(subject_pseudonym(name, salt="bedside"), Split()) == "train"
        and stable_share(name, salt="struck out") < STRUCK_OUT
        for name, sex in table.select("patient_nbr", "gender").iter_rows()
    ]
    return table.with_columns(back=pl.when(pl.Series(struck)).then(0).otherwise(pl.col("back")))


@dataclass
class Ward:
    """One workspace, in which the same table is built with one mitigation after the other."""

    platform: Any
    folder: Any
    data: Any

    def built(self, fairness=""):
        (self.folder / "bedside.yaml").write_text(DECLARATION + fairness)
        return build(self.platform, self.folder, self.data)


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    root = tmp_path_factory.mktemp("ward")
    for name in ("unfair", "fair", "model"):
        (root / name).mkdir()
    stays(unfair=True).write_parquet(root / "unfair" / "stays.parquet")
    stays(unfair=False).write_parquet(root / "fair" / "stays.parquet")
    actor = actor_of("test", "test")
    platform = open_workspace(root / "workspace", actor=actor, progress=LineProgress())
    return Ward(platform=platform, folder=root / "model", data=root / "unfair")


def told(built):
    """The gap, which gate said what, and what the mitigation cost."""
    gap = built.evidence["fairness"]["sex"]["tpr_gap"]
    return gap, built.version.gates[0], built.evidence.get("mitigation")


def test_the_gate_stops_the_unfair_model_and_nobody_can_approve_it(ward):
    built = ward.built()
    gap, gate, mitigation = told(built)

    assert gap["estimate"] > gap["low"] > 0.3
    assert gap["levels"] == ["male", "female"]
    assert not gate.passed
    assert mitigation is None
    with pytest.raises(Refused):
        approve(ward.platform, built.version.id, name="A B", meaning="reviewed")


def test_the_same_learner_on_the_table_as_it_was_passes_the_gate(ward):
    built = Ward(ward.platform, ward.folder, ward.folder.parent / "fair").built()

    assert told(built)[1].passed
    approve(ward.platform, built.version.id, name="A B", meaning="reviewed")


@pytest.mark.parametrize(
    ("mitigation", "within"),
    [
        ("reweighing", 0.2),
        ("reductions", 0.15),
        ("recalibration_by_group", 0.2),
        ("thresholds_by_group", 0.1),
    ],
)
def test_a_mitigation_brings_the_gap_down_and_says_what_it_cost(ward, mitigation, within):
    built = ward.built(f"fairness: {{subgroup: sex, mitigation: {mitigation}}}\n")
    gap, gate, done = told(built)
    page = built.report.read_text()

    before, cost = done["before"]["gaps"]["tpr_gap"], done["cost"]
    assert before["low"] > 0.3
    assert gap == done["after"]["gaps"]["tpr_gap"]
    assert gap["estimate"] < within
    assert gap["high"] < before["low"]
    assert gate.passed == (gap["estimate"] <= 0.1)
    assert f"{gap['estimate']:.3f}" in gate.text
    assert cost["net_benefit_per_1000"]["low"] > 0  # the women who are found outweigh the rest
    assert "What it cost" in page
    assert figure_text(cost["net_benefit_per_1000"]) in page


def test_the_bundle_alerts_each_group_from_its_own_threshold(ward):
    built = ward.built("fairness: {subgroup: sex, mitigation: thresholds_by_group}\n")
    bundle = open_bundle(ward.platform, built.version)

    at = len(NUMBERS)  # the column of sex: 0 female, 1 male, otherwise not known
    female, male, unknown = (
        bundle.threshold_for([1.0] * at + [value]) for value in (0.0, 1.0, float("nan"))
    )

    assert female < male
    assert unknown == bundle.threshold
    assert built.evidence["mitigation"]["thresholds"] == {"female": female, "male": male}


def test_a_model_that_does_not_see_the_level_cannot_have_thresholds_by_it(ward):
    hidden = DECLARATION.replace("  - signals: [sex]\n    aggregates: [last]\n", "")

    with pytest.raises(Invalid, match=r"signals: \[sex\]"):
        declaration_of(
            f"{hidden}fairness: {{subgroup: sex, mitigation: thresholds_by_group}}\n".encode()
        )
