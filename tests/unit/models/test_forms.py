"""What a form gives: by hand, by scipy, and as JSON that is refused when it is no model."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.special import softmax as scipy_softmax

from bedside.core.errors import Refused
from bedside.models.additive import term_scores
from bedside.models.form import Additive, CalibrationMap, Hazards, Member, ModelForm, Term
from bedside.models.form_json import form_from_json, form_to_json
from bedside.models.learnt import LearntModel
from bedside.models.links import incidence

PAIR = Term(
    kind="steps",
    features=(0, 1),
    edges=((0.0,), (1.0, 2.0)),
    scores=(tuple(float(at) for at in range(12)),),
)
LINE = Term(
    kind="polyline", features=(0,), edges=((0.0, 1.0, 3.0),), scores=((9.0, 1.0, 2.0, 0.0),)
)
STRAIGHT = Term(kind="linear", features=(1,), scores=((2.0, -1.0),))


def a_form(*terms, outcome="binary", link="logistic", intercept=(0.5,), **more):
    part = Additive(intercept=intercept, terms=terms, expected=((0.25,),) * len(terms))
    return ModelForm(outcome=outcome, link=link, width=2, members=(Member(part=part),), **more)


def test_a_value_on_an_edge_is_in_the_bin_above_it():
    rows = np.array([[-1.0, 0.0], [0.0, 1.0], [0.0, 2.0], [np.nan, 0.0], [-1.0, np.nan]])

    assert term_scores(PAIR, rows)[:, 0].tolist() == [5.0, 10.0, 11.0, 1.0, 4.0]


def test_a_polyline_is_straight_between_its_knots_and_constant_beyond():
    rows = np.array([[-5.0], [0.5], [2.0], [9.0], [np.nan]])

    assert term_scores(LINE, rows)[:, 0].tolist() == [1.0, 1.5, 1.0, 0.0, 9.0]


def test_half_of_what_a_pair_gives_is_each_features():
    model = LearntModel(a_form(PAIR, STRAIGHT))

    reasons = model.contributions(np.array([[0.0, 1.0]]))

    assert reasons.tolist() == [[(10 - 0.25) / 2, (10 - 0.25) / 2 + (2 - 0.25), 0.5 + 0.25 * 2]]
    assert reasons.sum() == model.margins(np.array([[0.0, 1.0]]))[0, 0]


VALUES = st.floats(-1e3, 1e3) | st.just(float("nan")) | st.integers(-2, 4).map(float)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=20),
    outputs=st.sampled_from([1, 4]),
    numbers=st.lists(st.floats(-9, 9), min_size=48, max_size=48),
)
def test_what_moved_a_score_hangs_on_no_other_row(rows, outputs, numbers):
    """Several patients are explained at once, and a ledger's answer is made again for one."""
    told = [tuple(numbers[at:]) for at in range(outputs)]
    terms = [
        Term(kind="steps", features=(0, 1), edges=PAIR.edges, scores=tuple(t[:12] for t in told)),
        Term(kind="polyline", features=(0,), edges=LINE.edges, scores=tuple(t[:4] for t in told)),
        Term(kind="linear", features=(1,), scores=tuple(t[:2] for t in told)),
    ]
    part = Additive(
        intercept=tuple(numbers[:outputs]),
        terms=tuple(terms),
        expected=(tuple(numbers[:outputs]),) * 3,
    )
    several = {"outcome": "multiclass", "link": "softmax", "levels": ("a", "b", "c", "d")}
    one = {"outcome": "binary", "link": "logistic"}
    model = LearntModel(
        ModelForm(width=2, members=(Member(part=part),), **(one if outputs == 1 else several))
    )
    matrix = np.array(rows)

    together = model.contributions(matrix)

    alone = [model.contributions(matrix[at : at + 1])[0] for at in range(len(rows))]
    assert together.tobytes() == np.array(alone).tobytes()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-700, 700), min_size=3, max_size=3))
def test_links_are_those_of_scipy(numbers):
    value = np.array([numbers])
    softmax = a_form(outcome="multiclass", link="softmax", intercept=tuple(numbers))
    logistic = a_form(intercept=(numbers[0],))

    rows = np.zeros((1, 2))
    assert np.allclose(LearntModel(softmax).outputs(rows), scipy_softmax(value, axis=1))
    assert np.allclose(LearntModel(logistic).outputs(rows), expit(value[:, :1]), atol=1e-15)


def test_ordered_levels_are_what_lies_between_their_cutpoints():
    form = a_form(
        outcome="ordinal", link="cumulative_logistic", cutpoints=(-1.0, 2.0), intercept=(0.7,)
    )

    found = LearntModel(form).outputs(np.zeros((1, 2)))[0]

    above = expit(0.7 - np.array([-1.0, 2.0]))
    assert np.allclose(found, [1 - above[0], above[0] - above[1], above[1]])
    assert np.isclose(LearntModel(form).predict(np.zeros((1, 2)))[0], above[0])


def test_with_one_cause_the_incidence_of_several_is_that_of_one():
    rises = tuple(np.cumsum(np.random.default_rng(1).random(50) / 20))
    days = tuple(np.arange(1.0, 51.0))
    alone = Hazards(days=days, cumulative=(rises,))
    beside = Hazards(days=days, cumulative=(rises, (0.0,) * 50))
    margins = np.array([[0.3], [-1.0]])

    one = incidence(alone, margins, np.array([0.5, 10.0, 50.0]))
    both = incidence(beside, np.hstack([margins, margins]), np.array([0.5, 10.0, 50.0]))

    assert np.allclose(one, both, rtol=0, atol=1e-12)


def test_what_comes_of_two_causes_and_of_none_is_everyone():
    generator = np.random.default_rng(2)
    days = tuple(np.arange(1.0, 31.0))
    rises = np.cumsum(generator.random((2, 30)) / 10, axis=1)
    margins = generator.normal(size=(4, 2))
    at = np.array([30.0])

    first = incidence(Hazards(days=days, cumulative=tuple(map(tuple, rises))), margins, at)
    second = incidence(
        Hazards(days=days, cumulative=tuple(map(tuple, rises[::-1]))), margins[:, ::-1], at
    )
    free = np.exp(-(np.exp(margins) * rises[:, -1]).sum(axis=1))

    assert np.allclose(first[:, 0] + second[:, 0] + free, 1)


BROKEN = {
    "another key": lambda told: told | {"more": 1},
    "no member": lambda told: told | {"members": []},
    "no such link": lambda told: told | {"link": "probit"},
    "a width of none": lambda told: told | {"width": 0},
    "a score too few": lambda told: _changed(told, "scores", [[1.0, 2.0]]),
    "edges that fall": lambda told: _changed(told, "edges", [[1.0, 0.0, 3.0]]),
    "a feature that is not there": lambda told: _changed(told, "features", [2]),
    "a word for a number": lambda told: _changed(told, "features", ["x"]),
    "a map without its numbers": lambda told: (
        told | {"calibration": {"kind": "beta", "numbers": [1.0], "knots": [], "values": []}}
    ),
}


def _changed(told, key, value):
    told["members"][0]["part"]["terms"][0][key] = value
    return told


@pytest.mark.parametrize("how", BROKEN)
def test_json_that_is_no_model_is_refused(how):
    told = json.loads(form_to_json(a_form(LINE)))

    with pytest.raises(Refused, match="cannot be read"):
        form_from_json(json.dumps(BROKEN[how](told)).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"link": "cumulative_logistic", "cutpoints": (1.0, 1.0)},
        {"link": "proportional_hazards", "horizons": (3.0,)},
        {"calibration": CalibrationMap(kind="polyline", knots=(1.0, 1.0), values=((0.1, 0.2),))},
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes):
    with pytest.raises(Refused):
        form_from_json(form_to_json(replace(a_form(LINE), **changes)))
