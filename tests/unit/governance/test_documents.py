"""A document says no number that its evidence does not hold, and names what nobody has shown."""

import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest

from bedside.core.records.declaration import Evaluation, Fairness, Subgroup, Threshold, Tuning
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.outcome import OUTCOME_KINDS, Outcome
from bedside.core.records.split import Split
from bedside.develop.evaluate.cross_validation import cross_validate
from bedside.develop.evaluate.evidence import HeldOut, evaluate
from bedside.develop.evaluate.fairness import fairness_of
from bedside.develop.evaluate.report import render_report
from bedside.develop.evaluate.statistics import Rows
from bedside.governance.documents.case import Case
from bedside.governance.documents.checklists import table
from bedside.governance.documents.document import document_to_json, path_of, path_text, value_at
from bedside.governance.documents.made import bundled, documents_of
from bedside.governance.documents.not_shown import not_shown
from bedside.governance.documents.rendering import as_html, as_markdown, summary
from bedside.interop.declaration import declaration_to_json
from trained import a_declaration

OPTIONS = Evaluation(
    threshold=Threshold(maximise="min_sensitivity_ppv"),
    bootstrap=50,
    folds=3,
    subgroups={"ward": Subgroup(signal="mean_area")},
)
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
LEVELS = ("low", "middle", "high")


def rows_of(kind, n=400):
    generator = np.random.default_rng(1)
    x = generator.normal(size=n)
    risk = 1 / (1 + np.exp(-x))
    label = (generator.random(n) < risk).astype(np.int64)
    more = {}
    if kind == "survival":
        event, ended = generator.exponential(np.exp(-x)), generator.uniform(0.1, 3, n)
        label, grid = (event < ended).astype(np.int64), np.linspace(0.02, 1.5, 100)
        curve = 1 - np.exp(-np.exp(x)[:, None] * grid)
        risk = curve[:, -1]
        more = {"target": np.minimum(event, ended), "horizons": (0.75, 1.5), "curve": curve,
                "curve_days": grid, "outputs": curve[:, [49, 99]]}  # fmt: skip
    if kind == "regression":
        risk, label = 50 + 10 * x, np.zeros(n, np.int64)
        more = {"target": risk + generator.normal(0, 5, n), "outputs": risk[:, None]}
    if kind in ("ordinal", "multiclass"):
        outputs = generator.dirichlet([2, 2, 2], n)
        label = (outputs.cumsum(axis=1) > generator.random(n)[:, None]).argmax(axis=1)
        risk, more = 1 - outputs[:, 0], {"outputs": outputs, "levels": LEVELS}
    return Rows(
        risk=risk, label=label, subject=np.arange(n), days=np.ones(n), outcome=kind, **more
    )  # fmt: skip


def declared_as(kind, **changes):
    declared = a_declaration(evaluation=OPTIONS, **changes)
    outcome = Outcome(
        kind=kind,
        levels=LEVELS if kind in ("ordinal", "multiclass") else (),
        horizons=("274 d", "548 d") if kind == "survival" else (),
    )
    return replace(declared, question=replace(declared.question, outcome=outcome))


@cache
def judged(kind):
    """The evidence as text, so that no test changes that of another."""
    rows, declared = rows_of(kind), declared_as(kind)
    groups = {"ward": np.repeat(["north 1.5", "south", "tiny"], [200, 195, 5])}
    bar = None if kind == "regression" else 0.5
    made = evaluate(
        HeldOut(rows=rows, baseline=rows, groups=groups), threshold=bar, options=OPTIONS, seed=1
    )
    counts = {"subjects": 1234, "rows": 5678, "positive": 321}
    step = {"name": "all", "text": "All subjects.", "subjects": "1,234", "rows": "5,678",
            "dropped": "97 subjects: they died", "groups": {"ward": {"south": "195"}}}  # fmt: skip
    evidence = made | {
        "fairness": {} if bar is None else fairness_of(rows, groups, bar, OPTIONS, 1),
        "counts": dict.fromkeys(("train", "tuning", "held_out"), counts),
        "quality": {"events": 17851, "set_aside": {"no unit": 12}},
        "flow": [step],
        "training": {"imputation": [{"method": "median", "indicator": True}] * 3,
                     "augmentation": made_rows()},
        "importance": [{"feature": "a.last", "text": "age", "share": 0.386718}],
        "explanations": explained(),
        "leakage": [{"name": "x", "text": "A date 3 days late.", "because": "It is known then."}],
        "uncertainty": sure(),
    }  # fmt: skip
    if kind == "binary":
        evidence["cross_validation"] = cross_validate(
            declared,
            pl.DataFrame({"subject_id": range(400), "label": rows.label}),
            rows.risk[:, None],
            lambda _: lambda features: features[:, 0],
            names=("risk",),
            days=rows.days,
        )
    return json.dumps(evidence)


def explained():
    loss = {"estimate": 0.0758, "low": 0.0411, "high": 0.101, "n": 294, "metric": "brier"}
    signal = {"text": "age", "share": 0.228377, "low": 0.224384, "high": 0.232662, "loss": loss}
    spread = {"mean": 0.481, "lowest": 0.398, "highest": 0.588}
    steady = {"refits": 5, "top": 3, "jaccard": spread, "first": spread, "jaccard_by_chance": 0.2}
    return {"by_signal": [signal], "stability": steady, "checks": {"passed": True}}


def made_rows():
    none = {"positive": 0, "negative": 0}
    return {
        "steps": [{"method": "smote", "ratio": 1.0, "seed": 7,
                   "added": {"synthetic": {"positive": 60, "negative": 0}}}],
        "real": {"positive": 20, "negative": 83},
        "repeated": none,
        "synthetic": {"positive": 60, "negative": 0},
    }  # fmt: skip


def sure():
    figure = {"estimate": 0.91, "low": 0.88, "high": 0.94, "n": 400}
    return {
        "coverage": {"declared": 0.9, "held": {"value": figure}},
        "domain": {"declared": 0.99, "outside": figure},
    }


def case_of(kind="binary", **changes):
    declared = declared_as(kind, **changes)
    return declared, json.loads(judged(kind))


def numbers_in(value):
    """Every number of a JSON value, those within its texts, and counts and sums of its parts."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, str):
        yield from (float(found.replace(",", "")) for found in NUMBER.findall(value))
    elif isinstance(value, dict):
        if {"positive", "negative"} <= set(value):
            yield float(value["positive"] + value["negative"])
        for key, part in value.items():
            yield from numbers_in(key)
            yield from numbers_in(part)
    else:
        yield float(len(value))
        for part in value:
            yield from numbers_in(part)


def is_told(text, known):
    """Whether a number as it is written is one of those, rounded as it is; or in per cent."""
    digits = len(text.partition(".")[2])
    number = float(text.replace(",", ""))
    half = 0.5000001 * 10**-digits
    return any(abs(one - number) <= half or abs(100 * one - number) <= half for one in known)


@pytest.mark.parametrize("kind", OUTCOME_KINDS)
def test_each_number_of_each_document_stands_in_the_evidence_where_it_is_said_to(kind):
    declared, evidence = case_of(kind, fairness=Fairness(subgroup="ward", mitigation="reweighing"))
    files = {
        "evidence.json": evidence,
        "declaration.json": json.loads(declaration_to_json(declared)),
    }

    without = {name: part for name, part in evidence.items() if name != "explanations"}
    for document in (*documents_of(declared, evidence), *documents_of(declared, without)):
        lines = [line for item in document.items for line in item.lines]
        assert len(lines) > 10
        for line in lines:
            stands = [value_at(files[one.file], one.path) for one in line.cited]
            known = [*numbers_in([]), *(n for value in stands for n in numbers_in(value))]
            for number in NUMBER.findall(line.text):
                assert is_told(number, known), f"{line.text}: {number}"


def test_the_check_of_numbers_finds_one_that_was_made_up():
    assert is_told("0.91", [0.9099])
    assert is_told("38.7", [0.386718])
    assert not is_told("0.92", [0.9099])
    assert not is_told("1,235", [1234.0])


@pytest.mark.parametrize("kind", OUTCOME_KINDS)
def test_each_section_of_the_report_that_a_document_points_to_is_there(kind):
    declared, evidence = case_of(kind)
    plain = {name: part for name, part in evidence.items() if name != "explanations"}
    parts = set(re.findall(r'id="([^"]+)"', render_report(declared, plain, ())))

    pointed = {
        one.section
        for document in documents_of(declared, evidence)
        for item in document.items
        for line in item.lines
        for one in line.cited
        if one.section
    }

    assert {"figures", "data", "training", "leakage", "subgroups", "sureness"} <= pointed
    assert pointed <= parts


@pytest.mark.parametrize("kind", OUTCOME_KINDS)
def test_every_kind_of_outcome_makes_whole_pages_that_need_nothing_else(kind):
    declared, evidence = case_of(kind)

    for document in documents_of(declared, evidence):
        page = as_html(document)
        shown = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
        targets = set(re.findall(r'href="#([^"]+)"', page))
        assert targets <= set(re.findall(r'id="([^"]+)"', page))
        assert "<script" not in page
        assert not re.findall(r'(?:href|src)="https?:', page)
        assert not {"nan", "None", "inf"} & set(shown.split())


def test_a_small_group_is_named_and_nothing_else_of_it_is_told():
    declared, evidence = case_of()
    assert evidence["subgroups"]["ward"]["tiny"]["subjects"] is None

    card, *_ = documents_of(declared, evidence)

    told = [line.text for i in card.items for line in i.lines if line.label == "ward: tiny"]
    assert len(told) == 1
    assert told[0].startswith(f"not shown: {SUPPRESS_AT_OR_BELOW} subjects or fewer")


def test_a_gap_between_groups_is_not_told_where_one_of_them_is_hidden():
    declared, evidence = case_of()
    gaps, levels = evidence["fairness"]["ward"], evidence["subgroups"]["ward"]
    levels["south"] |= {"subjects": 195, "with_outcome": 97}
    gaps["tpr_gap"] |= {"estimate": 7.7771, "levels": ["south", "tiny"]}
    gaps["fpr_gap"] |= {"estimate": 0.1234, "levels": ["south", "north 1.5"]}

    made = documents_of(declared, evidence)

    assert not any("7.777" in as_html(document) for document in made)
    told = {line.label: line.text for item in made[0].items for line in item.lines}
    assert told["ward: Gap in sensitivity"].startswith("not shown")
    assert told["ward: Gap in false alert rate"].startswith("0.123")


def test_a_bundle_holds_the_same_bytes_of_the_same_evidence():
    declared, evidence = case_of()

    first, second = bundled(declared, evidence), bundled(declared, json.loads(judged("binary")))

    assert first == second
    assert set(first) == {"model_card.md", "tripod_ai.html", "probast_ai.html", "documents.json"}
    assert set(json.loads(first["documents.json"])) == {"model_card", "tripod_ai", "probast_ai"}


@pytest.mark.parametrize(
    ("gap", "shown"),
    [
        ("cross-validation", {"cross_validation": {"metrics": {}}}),
        ("learning curve", {"learning_curve": {"text": "It is flat.", "metric": {}}}),
        ("sample size", {"training": {"sample_size": {"text": "There are enough."}}}),
        ("certainty", {"uncertainty": {"coverage": sure()["coverage"]}}),
        ("domain", {"uncertainty": {"domain": sure()["domain"]}}),
        ("alerts over time", {"alerts": {"events": 12}}),
        ("steadiness of reasons", {"explanations": {"stability": {"refits": 5}}}),
        ("flow", {"flow": [{"text": "All."}]}),
        ("gaps between groups", {"fairness": {"ward": {}}}),
    ],
)
def test_what_is_absent_is_a_gap_until_it_is_shown(gap, shown):
    bare = {"metrics": {}, "subgroups": {}, "training": {}}

    def gaps(evidence):
        return {item.name for item in not_shown(Case.of(a_declaration(), evidence))}

    assert gap in gaps(bare)
    assert gap not in gaps(bare | shown)
    assert gaps(bare | shown) < gaps(bare)


def test_a_later_time_or_another_site_closes_its_gap_alone():
    _, evidence = case_of()

    def gaps(split):
        declared = a_declaration(evaluation=replace(OPTIONS, split=split))
        return {item.name for item in not_shown(Case.of(declared, evidence))}

    plain = gaps(Split())
    assert plain - gaps(Split(held_out_from="2020-01-01T00:00:00Z")) == {"temporal validation"}
    assert plain - gaps(Split(site="ward", held_out_sites=("x",))) == {"external validation"}


def test_an_evaluation_on_other_patients_is_told_with_its_file_and_closes_the_gap():
    declared, evidence = case_of()
    figure = {"estimate": 0.71, "low": 0.62, "high": 0.8, "n": 300}
    there = {"evaluation-a-b.json": {"counts": {"subjects": "300"}, "metrics": {"auroc": figure}}}

    card, tripod, probast = documents_of(declared, evidence, there)

    said = as_markdown(card)
    assert "There: AUROC: 0.710 (0.620 to 0.800) (`evaluation-a-b.json: metrics.auroc`" in said
    assert "external validation" not in {item.name for item in card.gaps}
    assert next(i for i in tripod.items if i.name == "12g").state == "answered"
    assert next(i for i in probast.items if i.name == "1.3").state == "answered"
    assert 'href="evaluation-a-b.html"' in as_html(tripod)


def test_figures_of_a_survival_model_name_their_horizon_and_steps_have_no_identifiers():
    declared, evidence = case_of("survival")
    evidence["flow"] = [{**evidence["flow"][0], "text": "Asked at each icu_stay."}]

    said = as_markdown(documents_of(declared, evidence, {})[0])

    assert "AUROC at 548 days: " in said
    assert "AUROC: " not in said
    assert "Asked at each icu stay" in said


def test_groups_of_people_are_gaps_that_say_whether_the_data_hold_them():
    declared = a_declaration()
    signals = {**declared.signals}
    signals["sex"] = replace(next(iter(signals.values())), label="sex", code="SEX")
    declared = replace(declared, signals=signals)

    told = {
        item.name: item.missing
        for item in not_shown(Case.of(declared, {"metrics": {}, "subgroups": {}, "training": {}}))
    }

    assert "it is in the data (sex)" in told["figures by sex"]
    assert "not in the data" in told["figures by race or ethnicity"]


def test_the_checklist_has_all_27_items_in_their_52_parts():
    items = [row["item"] for row in table("tripod_ai.csv")]

    assert len(items) == len(set(items)) == 52
    assert {int(re.sub(r"\D", "", item)) for item in items} == set(range(1, 28))
    assert [row["item"] for row in table("tripod_ai.csv") if row["applies"] == "E"] == [
        "12f", "12g", "20c", "24",
    ]  # fmt: skip
    for name in ("tripod_ai.csv", "probast_ai.csv"):
        assert all(row["missing"] and None not in row for row in table(name))


def test_nobody_but_the_reviewer_judges_the_risk_of_bias():
    declared, evidence = case_of()

    probast = documents_of(declared, evidence)[2]

    page = as_html(probast)
    assert [s.heading for s in probast.sections] == [
        "Participants", "Predictors", "Outcome", "Analysis",
    ]  # fmt: skip
    assert all(section.judged for section in probast.sections)
    assert "☐ low" in page
    assert not set("☑☒✔") & set(page)
    assert all(item.prompt for item in probast.items)


def test_a_tuned_learner_is_told_with_what_was_chosen():
    declared = declared_as("binary")
    learner = replace(declared.learner, tuning=Tuning(trials=5, folds=2))
    declared, evidence = replace(declared, learner=learner), json.loads(judged("binary"))
    best = {"number": 3, "parameters": {"num_leaves": 9}, "value": 0.4321}
    evidence["training"]["tuning"] = {"best": best, "declared": 0.4567}

    said = as_markdown(documents_of(declared, evidence)[0])

    assert "5 trials, each in 2 folds" in said
    assert "num_leaves 9; loss 0.4321, as declared 0.4567" in said


def test_a_path_is_read_as_it_was_written():
    path = ("subgroups", 'odd "name".x', 3, "a", "45 to 55")

    assert path_of(path_text(path)) == path


def test_the_json_of_a_document_counts_what_its_page_says():
    declared, evidence = case_of()

    for document in documents_of(declared, evidence):
        told = document_to_json(document)
        states = [item["state"] for part in told["sections"] for item in part["items"]]
        assert len(told["gaps"]) == len([s for s in states if s != "answered"])
        assert any(
            number in summary(document) for number in (str(len(states)), str(len(told["gaps"])))
        )
