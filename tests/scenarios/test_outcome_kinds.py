"""Questions about survival, levels and values on public data, against counts made by hand."""

import gzip
from pathlib import Path

import polars as pl
import pytest

import bedside.usecases
from bedside.core.errors import Invalid
from bedside.lifecycle.asking import flow_of
from bedside.lifecycle.build import audit_model
from bedside.lifecycle.package import declaration_of, load_declaration
from bedside.wiring.progress import LineProgress
from bedside.wiring.sources import collect_for
from bedside.wiring.workspace import actor_of, open_workspace
from data_folder import data_folder

USECASES = Path(bedside.usecases.__file__).parent
MONTH = 30.4375


def a_platform(folder):
    return open_workspace(folder, actor=actor_of("test", "test"), progress=LineProgress())


def asked(workspace, folder, data):
    """Every row that a model asks about, and the flow."""
    platform = a_platform(workspace)
    left = collect_for(platform, folder, data)
    return flow_of(platform, load_declaration(folder)[0], left)


def changed(folder, name, *edits):
    """A use case with parts of its text replaced, in a folder of its own."""
    text = (USECASES / name / "bedside.yaml").read_text()
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    folder.mkdir()
    (folder / "bedside.yaml").write_text(text)
    return folder


def rows_of(path, columns):
    """A raw table, read in another way than Bedside does: event and days of follow-up."""
    content = path.read_bytes()
    lines = (gzip.decompress(content) if path.suffix == ".gz" else content).decode().splitlines()
    heads = [number for number, line in enumerate(lines) if line.lower() == "@data"]
    cells = [line.split(",") for line in lines[(heads or [0])[0] + 1 :] if line]
    event, duration = columns
    return [(row[event], float(row[duration])) for row in cells]


SURVIVAL = [
    ("breast_cancer_survival", "survival-deepsurv/rotterdam_train.csv.gz", (8, 7), "1", MONTH, 0),
    ("support_survival", "survival-deepsurv/support_train.csv.gz", (15, 14), "1", 1, 0),
    ("heart_attack_survival", "survival-sksurv/whas500.arff", (15, 14), "1", 1, 0),
    ("light_chain_mortality", "survival-sksurv/flchain.arff.gz", (9, 8), "dead", 1, 3),
    ("lung_cancer_survival", "survival-sksurv/veteran.arff", (3, 2), "dead", 1, 0),
]


@pytest.mark.parametrize(("name", "file", "columns", "dead", "unit", "dropped"), SURVIVAL)
def test_a_survival_question_asks_everyone_who_was_followed_and_keeps_how_long(
    tmp_path, name, file, columns, dead, unit, dropped
):
    raw = rows_of(data_folder(file.split("/")[0]) / file.split("/")[1], columns)
    expected = sorted(
        (int(event == dead), round(length * unit, 3)) for event, length in raw if length > 0
    )

    rows, flow = asked(tmp_path, USECASES / name, data_folder(file.split("/")[0]))

    assert len(expected) == len(raw) - dropped
    told = zip(rows["label"].to_list(), rows["target"].round(3).to_list(), strict=True)
    assert sorted(told) == expected
    assert rows["side"].null_count() == 0
    assert flow[0].subjects - flow[-1].subjects == dropped


def test_follow_up_ends_with_the_time_at_risk(tmp_path):
    data = data_folder("survival-sksurv")
    shorter = changed(
        tmp_path / "model",
        "heart_attack_survival",
        ("end: 2400 d", "end: 1096 d"),
    )
    raw = rows_of(data / "whas500.arff", (15, 14))

    rows, _ = asked(tmp_path / "w", shorter, data)

    assert rows["target"].max() == 1096
    assert rows["label"].sum() == sum(dead == "1" and days <= 1096 for dead, days in raw)


def test_an_event_that_competes_is_told_apart_from_censoring(tmp_path):
    data = data_folder("survival-sksurv")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "bedside.yaml").write_text(TRANSPLANT)
    raw = rows_of(data / "bmt.arff", (2, 1))

    rows, _ = asked(tmp_path / "w", folder, data)

    told = zip(rows["label"].to_list(), rows["target"].round(3).to_list(), strict=True)
    assert sorted(told) == sorted(
        (int(status), round(months * MONTH, 3)) for status, months in raw if months > 0
    )


@pytest.mark.parametrize(
    ("name", "held_out"),
    [("heart_disease", "hungarian"), ("heart_disease_from_budapest", "cleveland")],
)
def test_one_hospital_is_held_out_whole_and_question_marks_are_missing(tmp_path, name, held_out):
    data = data_folder("uci-heart-disease")
    raw = {
        site: pl.read_csv(data / f"processed.{site}.csv", null_values=["?"])
        for site in ("hungarian", "cleveland")
    }
    platform = a_platform(tmp_path)
    left = collect_for(platform, USECASES / name, data)

    rows, _ = flow_of(platform, load_declaration(USECASES / name)[0], left)

    judged = rows.filter(pl.col("side") == "held_out")
    assert judged.height == raw[held_out].height
    assert judged["label"].sum() == (raw[held_out]["num"] > 0).sum()
    assert rows["label"].sum() == sum((one["num"] > 0).sum() for one in raw.values())
    shards = platform.store.open("heart_disease/prepared").shards(["code", "value"])
    codes = pl.concat(shards).with_columns(pl.col("code").cast(pl.String))
    cholesterol = codes.filter(pl.col("code") == "LOINC//2093-3")
    assert cholesterol.height == sum(one["chol"].count() for one in raw.values())


def test_levels_are_counted_as_the_source_tells_them(tmp_path):
    data = data_folder("uci-heart-disease")
    ordinal = changed(
        tmp_path / "model",
        "heart_disease",
        ("label: narrowed}", "label: told}"),
        ("  trigger: examined", ORDINAL + "  trigger: examined"),
    )
    raw = pl.concat(pl.read_csv(one, columns=["num"]) for one in data.glob("processed.*.csv"))

    rows, flow = asked(tmp_path / "w", ordinal, data)

    assert rows["label"].value_counts().sort("label").rows() == (
        raw["num"].value_counts().sort("num").rows()
    )
    assert flow[-1].text == "The level is known."


def test_a_text_that_is_no_level_stops_the_question_without_being_repeated(tmp_path):
    data = data_folder("uci-heart-disease")
    ordinal = changed(
        tmp_path / "model",
        "heart_disease",
        ("label: narrowed}", "label: told}"),
        ("  trigger: examined", ORDINAL.replace(", four", "") + "  trigger: examined"),
    )

    with pytest.raises(Invalid, match="none of its levels") as error:
        asked(tmp_path / "w", ordinal, data)

    assert "four" not in str(error.value)


def test_a_value_is_asked_of_patients_who_come_again_and_again(tmp_path):
    data = data_folder("parkinsons-telemonitoring")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "bedside.yaml").write_text(PARKINSON)
    raw = pl.read_csv(data / "parkinsons_updrs.csv.gz")
    days = pl.col("test_time").clip(0)
    by_hand = raw.group_by("subject#", days).agg(pl.col("motor_UPDRS").max())

    platform = a_platform(tmp_path / "w")
    rows, _ = flow_of(platform, load_declaration(folder)[0], data)
    _, report, _ = audit_model(platform, folder, data)

    assert rows["label"].to_list() == [0] * by_hand.height
    assert sorted(rows["target"].to_list()) == pytest.approx(sorted(by_hand["motor_UPDRS"]))
    sides = rows.group_by("subject_id").agg(pl.col("side").n_unique())
    assert (sides["side"] == 1).all()
    assert report.leaks == ()


def test_a_cause_of_death_among_the_features_is_a_leak_of_survival_as_well(tmp_path):
    data = data_folder("survival-sksurv")
    leaking = changed(
        tmp_path / "model",
        "light_chain_mortality",
        (
            "  death: {label",
            "  chapter: {label: cause of death, code: FLCHAIN//chapter, column: chapter, "
            "visible_after: 0 min, learn_categories: true}\n  death: {label",
        ),
        ("creatinine, mgus]", "creatinine, mgus, chapter]"),
    )

    _, report, _ = audit_model(a_platform(tmp_path / "w"), leaking, data)

    assert {"derived_from_label:FLCHAIN//chapter", "strong_alone:chapter.last"} <= {
        finding.name for finding in report.findings
    }


def test_the_shipped_declarations_of_survival_name_an_outcome_that_nobody_reads():
    for name, *_ in SURVIVAL:
        declaration = declaration_of((USECASES / name / "bedside.yaml").read_bytes())
        read = {one for rule in declaration.features for one in rule.signals}
        assert {declaration.signals[one].role for one in read} <= {"input", "static"}


ORDINAL = """    told: {code: UCI//vessels_narrowed}
  outcome: {kind: ordinal, levels: [no vessel, one, two, three, four]}
"""

INTENDED = """
intended_use:
  decision: whether to look at the patient sooner
  users: [physicians]
  population: patients like these
  not_for: [children]
"""

PARKINSON = f"""
bedside: 1
name: parkinson
title: Motor score of Parkinson's disease from the voice
{INTENDED}
data:
  file: parkinsons_updrs.csv.gz
  licence: CC BY 4.0, Tsanas et al., IEEE Trans Biomed Eng 2010;57(4):884-893
  release_mode: limited_dataset
  subject: "subject#"
  clock: {{column: test_time, unit: d, origin: "2000-01-01T00:00:00Z"}}
  row_event: BEDSIDE//recording

signals:
  age: {{label: age, code: AGE//years, column: age, visible_after: 0 min, unit: a, role: static}}
  hnr: {{label: harmonics to noise, code: VOICE//hnr, column: HNR, visible_after: 0 min, unit: "1"}}
  rpde: {{label: RPDE, code: VOICE//rpde, column: RPDE, visible_after: 0 min, unit: "1"}}
  dfa: {{label: DFA, code: VOICE//dfa, column: DFA, visible_after: 0 min, unit: "1"}}
  ppe: {{label: PPE, code: VOICE//ppe, column: PPE, visible_after: 0 min, unit: "1"}}
  motor:
    label: motor score
    code: OUTCOME//motor_updrs
    column: motor_UPDRS
    visible_after: 1 d
    unit: "{{score}}"
    role: outcome

question:
  ask: what is the motor score of this patient today?
  predicates:
    recording: {{code: BEDSIDE//recording}}
    motor: {{code: OUTCOME//motor_updrs}}
  trigger: recording
  windows:
    target: {{start: trigger, end: trigger, label: motor}}
  outcome: {{kind: regression}}

features:
  - signals: [age, hnr, rpde, dfa, ppe]
    aggregates: [last]

learner: {{kind: linear}}

evaluation:
  split: {{train: 0.4, tuning: 0.2, held_out: 0.4}}
"""

TRANSPLANT = f"""
bedside: 1
name: transplant
title: Relapse after a bone marrow transplant
{INTENDED}
data:
  file: bmt.arff
  licence: GPL-3.0-or-later, Scrucca et al., Bone Marrow Transplant 2007;40:381-387
  release_mode: limited_dataset
  subject: _row
  clock: {{origin: "2000-01-01T00:00:00Z"}}
  row_event: BEDSIDE//transplant

signals:
  disease:
    label: disease
    code: BMT//disease
    column: dis
    visible_after: 0 min
    categories: {{"0": lymphoblastic, "1": myeloblastic}}
  relapse: &told
    label: relapse
    code: OUTCOME//relapse
    column: status
    happens_after_column: ftime
    happens_after_unit: month
    visible_after: 0 min
    role: outcome
  death: {{<<: *told, label: death in remission, code: OUTCOME//death_in_remission, equals: "2"}}
  last_seen: {{<<: *told, label: end of follow-up, code: OUTCOME//last_seen, column: ""}}

question:
  ask: how likely is a relapse within two years?
  predicates:
    transplant: {{code: BEDSIDE//transplant}}
    relapse: {{code: OUTCOME//relapse}}
    death: {{code: OUTCOME//death_in_remission}}
    last_seen: {{code: OUTCOME//last_seen}}
  trigger: transplant
  outcome: {{kind: survival, horizons: [365 d, 731 d]}}
  time_at_risk: {{outcome: relapse, end: 3650 d, censored_by: [last_seen], competing: [death]}}
  data_end: "2020-01-01T00:00:00Z"

features:
  - signals: [disease]
    aggregates: [last]

learner: {{kind: competing_risks}}

evaluation:
  split: {{train: 0.5, tuning: 0.25, held_out: 0.25}}
"""
