"""The evidence page says what was measured, on whom, and what the figures do not say."""

from dataclasses import replace

import numpy as np
import polars as pl

from bedside.core.records.declaration import Evaluation, Threshold
from bedside.core.records.split import Split
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
