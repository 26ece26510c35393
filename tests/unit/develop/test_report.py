"""The evidence page says what was measured, on whom, and what the figures do not say."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from bedside.core.records.declaration import Alerts, Evaluation, Threshold
from bedside.core.records.outcome import Outcome
from bedside.core.records.split import Split
from bedside.core.records.version import GateResult
from bedside.develop.evaluate.cross_validation import cross_validate
from bedside.develop.evaluate.evidence import HeldOut, evaluate
from bedside.develop.evaluate.report import render_report
from bedside.develop.evaluate.statistics import Rows
from trained import a_declaration

OPTIONS = Evaluation(threshold=Threshold(maximise="min_sensitivity_ppv"), bootstrap=50, folds=3)


def some_evidence():
    generator = np.random.default_rng(4)
    risk = generator.uniform(0.05, 0.95, 300)
    label = (generator.random(300) < risk).astype(np.int64)
    rows = Rows(risk=risk, label=label, subject=np.arange(300), days=np.ones(300))
    evidence = evaluate(
        HeldOut(rows=rows, baseline=rows, groups={}), threshold=0.5, options=OPTIONS, seed=1
    )
    counts = {"subjects": 9, "rows": 9, "positive": 3}
    return evidence | {
        "counts": {"train": counts, "tuning": counts, "held_out": counts},
        "quality": {"events": 1, "set_aside": {}},
        "training": {"imputation": None, "augmentation": None},
        "importance": [],
        "leakage": [],
        "cross_validation": cross_validate(
            a_declaration(evaluation=OPTIONS),
            pl.DataFrame({"subject_id": range(300), "label": label}),
            risk[:, None],
            lambda _: lambda features: features[:, 0],
            names=("risk",),
            days=np.ones(300),
        ),
    }


def test_cross_validation_is_shown_with_what_its_intervals_mean():
    evidence = some_evidence()
    spread = evidence["cross_validation"]["metrics"]["auroc"]["by_fold"]

    page = render_report(a_declaration(evaluation=OPTIONS), evidence, ())

    assert "Cross-validation in 3 folds: 300 subjects" in page
    assert f"{spread['sd']:.3f} ({spread['lowest']:.3f} to {spread['highest']:.3f})" in page
    assert "too narrow for a model yet to be trained" in page
    assert "no standard error" in page


def test_without_folds_the_page_says_nothing_of_them():
    evidence = some_evidence()
    del evidence["cross_validation"]

    assert "folds" not in render_report(a_declaration(), evidence, ())


def test_the_page_says_who_is_held_out_and_which_validation_is_missing():
    split = Split(site="ward", held_out_sites=("north", "east"))
    declared = a_declaration(evaluation=replace(OPTIONS, split=split))

    page = render_report(declared, some_evidence(), ())

    assert "The held-out subjects were at north or east; nobody else is held out." in page
    assert "say nothing about a new site or a later time" in page
    assert "No temporal validation" in page
    assert "No external validation" not in page


def test_the_flow_of_participants_is_drawn_with_who_was_left_out():
    step = {
        "name": "asked", "text": "Asked at each stay.", "subjects": "about 520", "rows": "700",
        "dropped": "about 1,150 subjects: they died", "groups": {},
    }  # fmt: skip

    flow = [{**step, "dropped": "", "text": "All subjects."}, step]
    page = render_report(a_declaration(), some_evidence() | {"flow": flow}, ())

    assert "2. Asked at each stay." in page
    assert "1,150 subjects" in page
    assert "died" in page


def test_a_warning_of_the_audit_is_not_said_to_be_acknowledged():
    found = [{"text": "Dates without a time.", "because": ""}]
    page = render_report(a_declaration(), some_evidence() | {"leakage": found}, ())

    assert "Dates without a time. <i>A warning" in page


class Page(HTMLParser):
    """The elements of a page, its links to outside, its parts and the words it shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.outside: list[str] = []
        self.parts: set[str] = set()
        self.targets: set[str] = set()
        self.unnamed = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.elements.append(tag)
        link = given.get("href") or given.get("src")
        if link and link.startswith("#"):
            self.targets.add(link[1:])
        elif link:
            self.outside.append(link)
        if "id" in given:
            self.parts.add(given["id"])
        if tag == "svg" and not (given.get("role") == "img" and given.get("aria-label")):
            self.unnamed += 1


def rows_of(kind: str, n: int = 400) -> Rows:
    generator = np.random.default_rng(1)
    x = generator.normal(size=n)
    more = {}
    risk = 1 / (1 + np.exp(-x))
    label = (generator.random(n) < risk).astype(np.int64)
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
        risk, more = 1 - outputs[:, 0], {"outputs": outputs, "levels": ("low", "middle", "high")}
    return Rows(
        risk=risk, label=label, subject=np.arange(n), days=np.ones(n), outcome=kind, **more
    )  # fmt: skip


def page_of(kind: str, gates=(), more=None, **changes):
    options = replace(OPTIONS, **changes)
    declared = a_declaration(evaluation=options)
    outcome = Outcome(
        kind=kind,
        levels=("low", "middle", "high") if kind in ("ordinal", "multiclass") else (),
        horizons=("274 d", "548 d") if kind == "survival" else (),
    )
    declared = replace(declared, question=replace(declared.question, outcome=outcome))
    rows = rows_of(kind)
    groups = {"ward": np.repeat(["north", "south", "tiny"], [200, 195, 5])}
    threshold = None if kind == "regression" else 0.5
    figures = evaluate(
        HeldOut(rows=rows, groups=groups), threshold=threshold, options=options, seed=1
    )
    evidence = some_evidence() | figures | (more or {})
    evidence.pop("cross_validation")
    return render_report(declared, evidence, gates), evidence


@pytest.mark.parametrize(
    ("kind", "charts"),
    [
        ("binary", ("ROC", "Calibration", "Net benefit", "Of 1,000 patients")),
        ("survival", ("The event over time", "Calibration at 1.5 days", "Error over time")),
        ("multiclass", ("What was predicted, by what came true", "Calibration of each level")),
        ("ordinal", ("What was predicted, by what came true", "Calibration of each level")),
        ("regression", ("Predicted and observed", "How far off")),
    ],
)
def test_every_kind_of_outcome_has_its_charts_on_a_page_that_needs_nothing_else(kind, charts):
    text, _ = page_of(kind)

    page = Page(text)
    assert all(f"<h3>{chart}" in text for chart in charts)
    assert "script" not in page.elements
    assert not page.outside
    assert page.unnamed == 0
    assert page.targets <= page.parts
    assert "nan" not in re.sub(r"<[^>]+>", "", text).lower().split()


def test_the_first_screen_is_the_verdict_in_three_sentences():
    passed = GateResult(metric="auroc", passed=True, text="auroc: good")
    failed = GateResult(metric="brier", passed=False, text="brier: bad")

    text, evidence = page_of("binary", gates=(passed, failed))

    first = text[text.index('class="status"') : text.index('class="tiles"')]
    auroc = evidence["metrics"]["auroc"]
    assert first.count("<p>") == 3
    assert "It is asked: will histology of this mass be malignant?" in first
    assert f"{auroc['low']:.3f} to {auroc['high']:.3f}" in first
    assert "1 of 2 gates fail, so it cannot be approved: Brier score." in first
    assert "Brier score: bad" in first


def test_figures_of_a_survival_model_name_the_horizon_that_they_are_of():
    text, _ = page_of("survival")

    assert "It gives the risk within 274 and 548 days" in text
    assert "<td>AUROC at 548 days</td>" in text
    assert "<td>AUROC</td>" not in text


def test_figures_shown_large_keep_their_zeros():
    text, evidence = page_of("binary")

    evidence["metrics"]["brier"] |= {"estimate": 0.2, "low": 0.1, "high": 0.3}
    evidence.pop("cross_validation", None)
    text = render_report(a_declaration(), evidence, ())

    assert "<b>0.200</b><span>0.100 to 0.300</span>" in text


def test_groups_and_signals_have_words_and_no_identifiers():
    evidence = some_evidence()
    evidence["quality"]["set_aside"] = {"worst_radius": "53"}
    none = dict.fromkeys(("low", "high", "estimate", "corrected"))
    levels = {**none, "why": "few", "levels": []}
    evidence["fairness"] = {"age_band": {"tpr_gap": levels}}

    text = render_report(a_declaration(), evidence, ())

    assert "<th>age band</th>" in text
    assert "radius of the nuclei, worst three (53)" in text


def test_a_small_group_is_on_the_page_by_name_only():
    text, evidence = page_of("binary")

    assert evidence["subgroups"]["ward"]["tiny"]["subjects"] is None
    assert ">tiny</td><td" in text
    assert ">few</td>" in text
    assert "too few patients to be shown" in text
    assert ">5<" not in text[text.index('id="subgroups"') : text.index('id="reasons"')]


def test_burden_by_the_day_is_told_with_the_command_that_simulates_more():
    generator = np.random.default_rng(2)
    rows = Rows(
        risk=generator.random(3000),
        label=(generator.random(3000) < 0.1).astype(np.int64),
        subject=np.repeat(np.arange(150), 20),
        days=np.full(3000, 1 / 24),
    )
    options = replace(OPTIONS, burden_per="day", alerts=Alerts(beds=12, capacity=30))
    figures = evaluate(HeldOut(rows=rows, groups={}), threshold=0.5, options=options, seed=1)

    text = render_report(a_declaration(evaluation=options), some_evidence() | figures, ())

    a_bed = figures["metrics"]["alerts_per_patient_day"]["estimate"]
    assert f"12 occupied beds cause <b>{12 * a_bed:.1f} alerts in 24 h</b>" in text
    assert "The data do not tell when events came" in text
    assert "bedside alerts diagnosis --beds 12" in text


def test_a_learning_curve_and_the_sample_size_are_shown_where_they_are_known():
    point = {"estimate": 0.8, "low": 0.7, "high": 0.9}
    curve = {"share": [0.5, 1.0], "subjects": [100, 200], "metric": {"auroc": [point, point]}}
    enough = {"events_per_parameter": 12.5, "needed": {"subjects": 900}}
    sized = {"training": {"imputation": None, "augmentation": None, "sample_size": enough}}

    with_them, _ = page_of("binary", more={"learning_curve": curve} | sized)
    without, _ = page_of("binary")

    assert "AUROC by number of training patients" in with_them
    assert "<td>events per parameter</td><td>12.5</td>" in with_them
    patients = {"patients": 90, "anticipated_r2": 0.1, "needed": 900}
    sized["training"]["sample_size"] = patients
    in_order, _ = page_of("binary", more=sized)
    assert in_order.index("<td>training patients</td>") < in_order.index("<td>R²")
    assert "<td>needed – subjects</td><td>900</td>" in with_them
    assert "No learning curve" not in with_them
    assert "No learning curve" in without


def test_importance_has_its_interval_where_it_is_known():
    rows = [{"feature": "a", "text": "age", "share": 0.6, "low": 0.5, "high": 0.7}]

    text, _ = page_of("binary", more={"importance": rows})

    assert "60.0 % (50.0 to 70.0)" in text
