"""A document says no number that its evidence does not hold, and names what nobody has shown."""

import json
import re
from dataclasses import replace

import pytest

from bedside.core.records.declaration import Fairness, Tuning
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.outcome import OUTCOME_KINDS
from bedside.core.records.split import Split
from bedside.develop.evaluate.report import render_report
from bedside.governance.documents.case import Case
from bedside.governance.documents.checklists import table
from bedside.governance.documents.document import document_to_json, path_of, path_text, value_at
from bedside.governance.documents.made import bundled, documents_of
from bedside.governance.documents.not_shown import not_shown
from bedside.governance.documents.rendering import as_html, as_markdown, summary
from bedside.interop.declaration import declaration_to_json
from documented import NUMBER, OPTIONS, case_of, declared_as, is_told, judged, numbers_in, sure
from trained import a_declaration


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
