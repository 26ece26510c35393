"""A model of each kind of outcome with its evidence, and whether a number stands in it."""

import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl

from bedside.core.records.declaration import Evaluation, Subgroup, Threshold
from bedside.core.records.outcome import Outcome
from bedside.develop.evaluate.cross_validation import cross_validate
from bedside.develop.evaluate.evidence import HeldOut, evaluate
from bedside.develop.evaluate.fairness import fairness_of
from bedside.develop.evaluate.statistics import Rows
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
