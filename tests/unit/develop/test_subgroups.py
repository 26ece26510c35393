"""Groups of patients: their figures, whether they differ, and what is hidden."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from bedside.core.records.declaration import Evaluation, Threshold
from bedside.develop.evaluate.disclosure import hidden_cells
from bedside.develop.evaluate.intervals import estimates
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.evaluate.subgroups import subgroup_evidence
from bedside.metrics.multiplicity import holm


def some_rows(n: int, seed: int = 4) -> Rows:
    generator = np.random.default_rng(seed)
    risk = generator.uniform(0.05, 0.95, n)
    label = (generator.random(n) < risk).astype(np.int64)
    return Rows(risk=risk, label=label, subject=np.arange(n), days=np.ones(n))


def options(**changes) -> Evaluation:
    return Evaluation(**({"threshold": Threshold(value=0.5), "bootstrap": 200} | changes))


def test_a_level_has_the_figures_of_its_own_patients():
    rows = some_rows(300)
    ward = np.repeat(["north", "south"], [120, 180])

    north = subgroup_evidence(rows, {"ward": ward}, 0.5, options(), 1)["ward"]["north"]

    alone = estimates(rows.taken(ward == "north"), 0.5, options(), 1)
    assert north["subjects"] == 120
    assert north["with_outcome"] == rows.label[:120].sum()
    assert north["metrics"]["auroc"]["estimate"] == pytest.approx(alone["auroc"]["estimate"])
    assert north["metrics"]["ppv"]["estimate"] == pytest.approx(alone["ppv"]["estimate"])


def test_a_small_level_and_the_next_smallest_are_hidden():
    ward = np.repeat(["large", "middle", "rare"], [400, 100, 3])

    told = subgroup_evidence(some_rows(503), {"ward": ward}, 0.5, options(), 1)["ward"]

    assert told["large"]["subjects"] == 400
    for level in ("middle", "rare"):
        assert told[level]["subjects"] is None
        assert told[level]["with_outcome"] is None
        assert told[level]["differs"] == {}
        assert all(
            f["estimate"] is None and f["n"] is None for f in told[level]["metrics"].values()
        )


def test_a_level_without_the_outcome_is_hidden_too():
    rows = some_rows(400)
    label = rows.label.copy()
    label[300:] = 0
    ward = np.repeat(["a", "b", "c"], [150, 150, 100])
    rows = Rows(risk=rows.risk, label=label, subject=rows.subject, days=rows.days)

    told = subgroup_evidence(rows, {"ward": ward}, 0.5, options(), 1)["ward"]

    assert told["c"]["subjects"] is None
    assert sum(level["subjects"] is None for level in told.values()) >= 2


def test_a_level_below_the_declared_minimum_is_counted_and_not_judged():
    ward = np.repeat(["a", "b", "c"], [300, 300, 60])

    told = subgroup_evidence(some_rows(660), {"ward": ward}, 0.5, options(minimum_subgroup=100), 1)

    assert told["ward"]["c"]["subjects"] == 60
    assert told["ward"]["c"]["why"] == "fewer than 100 subjects"
    assert told["ward"]["c"]["metrics"]["auroc"]["estimate"] is None
    assert told["ward"]["a"]["metrics"]["auroc"]["estimate"] is not None


def test_a_part_of_a_hidden_level_is_hidden_in_an_intersection():
    generator = np.random.default_rng(0)
    sex = generator.choice(["f", "m"], 900)
    age = np.repeat(["old", "young", "newborn"], [500, 390, 10])
    declared = options(intersections=(("sex", "age"),))

    told = subgroup_evidence(some_rows(900), {"sex": sex, "age": age}, 0.5, declared, 1)

    hidden = {level for level, one in told["age"].items() if one["subjects"] is None}
    assert hidden == {"newborn", "young"}
    cells = told["sex × age"]
    assert set(cells) == {f"{s} × {a}" for s in "fm" for a in ("old", "young", "newborn")}
    for level, one in cells.items():
        assert (one["subjects"] is None) == (level.split(" × ")[1] in hidden)


def test_a_level_in_which_the_model_fails_differs_after_adjustment_and_others_do_not():
    rows = some_rows(3000)
    label = rows.label.copy()
    generator = np.random.default_rng(1)
    ward = generator.choice(list("abcdef"), 3000)
    label[ward == "c"] = generator.permutation(label[ward == "c"])
    rows = Rows(risk=rows.risk, label=label, subject=rows.subject, days=rows.days)

    told = subgroup_evidence(rows, {"ward": ward}, 0.5, options(), 1)["ward"]

    differs = {level: one["differs"]["auroc"] for level, one in told.items()}
    assert differs["c"]["is_different"]
    assert differs["c"]["difference"]["high"] < 0
    raw = [one["p"] for one in differs.values()]
    assert [one["adjusted"] for one in differs.values()] == pytest.approx(holm(raw))


def test_the_test_of_a_mean_is_the_textbook_one():
    rows = some_rows(2000)
    ward = np.where(np.arange(2000) % 3 == 0, "a", "b")

    p = subgroup_evidence(rows, {"ward": ward}, 0.5, options(bootstrap=2000), 1)
    p = p["ward"]["a"]["differs"]["brier"]["p"]

    off = (rows.risk - rows.label) ** 2
    one, other = off[ward == "a"], off[ward == "b"]
    error = np.sqrt(one.var() / len(one) + other.var() / len(other))
    assert p == pytest.approx(2 * norm.sf(abs(one.mean() - other.mean()) / error), abs=0.03)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.integers(0, 60), min_size=4, max_size=4), min_size=2, max_size=4))
def test_no_hidden_cell_can_be_worked_out_from_the_totals_of_its_lines(table):
    counts = np.array(table)
    down, across = counts.shape
    places = np.arange(counts.size).reshape(down, across)
    lines = [*places, *places.T, places.ravel()]

    hidden = hidden_cells(counts.ravel(), lines)

    flat = counts.ravel()
    assert hidden[(flat > 0) & (flat <= 10)].all()
    for line in lines:
        inside = flat[line][hidden[line]]
        everything_left_is_hidden = not (flat[line][~hidden[line]] > 0).any()
        assert (
            not len(inside) or everything_left_is_hidden or (len(inside) > 1 and inside.sum() > 10)
        )
