"""Several patients scored together get what each gets alone, and one's trouble is no other's."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.records.bundle import EXAMPLE, FEATURES, LEARNT, Bundle
from bedside.deploy.package.onnx_graph import onnx_of
from bedside.develop.train.matrix import Matrix
from bedside.features.definition import expand, feature_set_to_json
from bedside.infra.runtime.explaining import FormExplainer
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.models.form import CalibrationMap
from bedside.models.form_json import form_to_json
from bedside.serve.scoring import Broken, Scored, Scorer, ToScore
from learning import fitted_trees
from served import NOW, LogisticModel, a_declaration, a_form, a_patient

DECLARATION = a_declaration()
NAMES = expand(DECLARATION).names


def a_bundle(**files):
    row = np.full((1, len(NAMES)), np.nan)
    row[0, 0] = 4.0
    example = {"features": [4.0, *[None] * (len(NAMES) - 1)], "risk": 0.5}
    kept = {FEATURES: feature_set_to_json(expand(DECLARATION)), EXAMPLE: json.dumps(example)}
    return Bundle(digest="ab" * 32, declaration=DECLARATION, threshold=0.3, files=kept | files)


def made_up(seed):
    random = np.random.default_rng(seed)
    features = random.normal(50.0, 20.0, (300, len(NAMES)))
    features[:, NAMES.index("lactate.last")] = random.gamma(2.0, 1.2, 300)
    risk = 1 / (1 + np.exp(3.0 - features[:, NAMES.index("lactate.last")]))
    return Matrix(
        features=features, label=(random.random(300) < risk).astype(np.int64), names=NAMES
    )


@pytest.fixture(scope="module")
def real():
    """Sixty real trees, run and explained as they are when they are served."""
    form = fitted_trees(made_up(1), made_up(2), rounds=60, parameters={"num_leaves": 8})
    content = form_to_json(form)
    return Scorer(
        a_bundle(**{LEARNT: content}), OnnxPredictor(onnx_of(form)), FormExplainer(content)
    )


numbers = st.none() | st.floats(0.2, 300.0)
patients = st.builds(
    ToScore,
    st.builds(lambda lactate, rate: a_patient(lactate=lactate, heart_rate=rate), numbers, numbers),
    st.just(NOW),
    st.sampled_from([(), ("a note",)]),
    st.booleans(),
)


@settings(max_examples=40, deadline=None)
@given(asked=st.lists(patients, max_size=12))
def test_patients_scored_together_get_the_bits_that_each_gets_alone(real, asked):
    together = real.score_many(asked)

    alone = [real.score(one.events, one.as_of, one.notes, reasons=one.reasons) for one in asked]
    assert together == alone


def test_without_reasons_all_else_is_the_same(real):
    told = real.score(a_patient(), NOW, ())
    brief = real.score(a_patient(), NOW, (), reasons=False)

    assert told.outcome.reasons
    assert brief.outcome.reasons == ()
    assert (brief.outcome.risk, brief.features) == (told.outcome.risk, told.features)


def test_without_reasons_the_bounds_that_need_the_margin_are_told():
    pair = CalibrationMap(kind="venn_abers", knots=(0.0,), values=((0.1, 0.4), (0.2, 0.6)))
    form = a_form(DECLARATION, calibration=pair)
    content = form_to_json(form)
    scorer = Scorer(
        a_bundle(**{LEARNT: content}), OnnxPredictor(onnx_of(form)), FormExplainer(content)
    )

    brief = scorer.score(a_patient(), NOW, (), reasons=False).outcome

    assert (brief.low, brief.high, brief.reasons) == (0.4, 0.6, ())


class Fussy(LogisticModel):
    """Cannot bear a lactate of 13 to be predicted from, nor one of 14 to be explained."""

    def predict(self, matrix):
        if (matrix == 13.0).any():
            raise RuntimeError("13")
        return super().predict(matrix)

    def contributions(self, matrix):
        if (matrix == 14.0).any():
            raise RuntimeError("14")
        if (matrix == 15.0).any():
            return np.where((matrix == 15.0).any(axis=1), np.nan, 1.0)[:, None] * super()._parts(
                matrix
            )
        return super().contributions(matrix)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([2.0, 3.5, 13.0, 14.0, 15.0]), max_size=8), st.booleans())
def test_what_fails_for_one_patient_fails_for_no_other(lactates, reasons):
    model = Fussy(NAMES)
    scorer = Scorer(a_bundle(), model, model)

    found = scorer.score_many(
        [ToScore(a_patient(lactate=one), NOW, (), reasons) for one in lactates]
    )

    for lactate, one in zip(lactates, found, strict=True):
        fails = lactate == 13.0 or (reasons and lactate in (14.0, 15.0))
        assert isinstance(one, Broken if fails else Scored)
        if fails:
            code = "model_returned_nonsense" if lactate == 15.0 else "model_failed"
            assert one.failure.code == code
            assert str(int(lactate)) not in one.cause
