"""From declared options to a fitted form: fills folded in, weights and targets handed on."""

from dataclasses import replace

import numpy as np
import pytest

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Learner
from bedside.core.records.outcome import Outcome
from bedside.core.records.training import Augmentation, Fill, Imputation, Resample
from bedside.develop.train.learning import learn, plan_of
from bedside.develop.train.matrix import Matrix
from bedside.features.definition import Feature, FeatureSet
from bedside.models.learnt import LearntModel
from trained import a_declaration

SIGNALS = ("lactate", "age", "ward")
SMALL = {"outer_bags": 1, "max_rounds": 60, "interactions": 1, "max_bins": 16}
LEARNERS = {
    "logistic": Learner(kind="logistic", threads=1),
    "ebm": Learner(kind="ebm", threads=1, parameters=SMALL),
    "ensemble": Learner(
        kind="ensemble",
        threads=1,
        members=(Learner(rounds=20, threads=1), Learner(kind="logistic")),
    ),
}
FILLS = Imputation(
    default=Fill(method="median", indicator=True),
    signals={"ward": Fill(method="most_frequent"), "age": Fill(method="constant", value=50)},
)


def features():
    return FeatureSet(
        features=tuple(
            Feature(
                name=f"{name}.last", signal=name, codes=(f"X//{name}",), label="",
                aggregate="last", window_hours=None, unit="1",
                categories=("a", "b", "c") if name == "ward" else (),
            )
            for name in SIGNALS
        ),
    )  # fmt: skip


def rows(seed, outcome="binary"):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(400, 3))
    values[:, 2] = generator.integers(0, 3, 400)
    drive = values[:, 0] + (values[:, 2] == 1) + generator.logistic(size=400)
    values[generator.random(values.shape) < 0.2] = np.nan
    ill = (drive > 0) | (np.isnan(values[:, 0]) & (generator.random(400) < 0.7))
    return Matrix(
        features=values,
        label=ill.astype(np.int64) if outcome == "binary" else np.zeros(400, np.int64),
        names=features().names,
        target=drive if outcome == "regression" else None,
    )


def declared(outcome="binary", **changes):
    made = a_declaration(**changes)
    return replace(made, question=replace(made.question, outcome=Outcome(kind=outcome)))


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_declared_fill_is_part_of_every_kind_of_form(kind):
    declaration = declared(learner=LEARNERS[kind], imputation=FILLS)

    form = learn(declaration, features(), rows(1), rows(2), []).form

    assert form.width == len(SIGNALS)
    model, gap = LearntModel(form), np.array([[np.nan, 1.0, 1.0]])
    median = np.nanmedian(rows(1).features[:, 0])
    filled = np.array([[median, 1.0, 1.0]])
    assert model.predict(gap)[0] > model.predict(filled)[0] + 0.05  # missing speaks for itself
    same = np.array([[1.0, np.nan, 1.0], [1.0, 50.0, 1.0]])
    reasons = model.contributions(same)
    assert np.allclose(reasons.sum(axis=1), model.margins(same)[:, 0])


def test_without_an_indicator_a_gap_is_its_fill():
    fills = Imputation(
        default=Fill(method="median"), signals={"ward": Fill(method="most_frequent")}
    )
    declaration = declared(learner=LEARNERS["ensemble"], imputation=fills)

    model = LearntModel(learn(declaration, features(), rows(1), rows(2), []).form)

    median = np.nanmedian(rows(1).features[:, 0])
    both = model.margins(np.array([[np.nan, 1.0, 1.0], [median, 1.0, 1.0]]))
    assert np.isclose(*both[:, 0], rtol=0, atol=1e-12)


def test_targets_and_weights_reach_the_learner():
    declaration = declared("regression", learner=Learner(kind="linear", calibration="none"))
    plain, tuning = rows(1, "regression"), rows(2, "regression")
    heavy = replace(plain, weight=np.where(plain.target > 1, 9.0, 1.0))

    models = [
        LearntModel(learn(declaration, features(), some, tuning, []).form)
        for some in (plain, heavy)
    ]

    means = [model.predict(tuning.features).mean() for model in models]
    assert np.isclose(means[0], plain.target.mean(), atol=0.2)
    assert means[1] > means[0] + 0.5


def test_made_up_rows_have_neither_weights_nor_targets():
    made_up = (Augmentation(resample=Resample(method="random_over")),)
    declaration = declared("regression", learner=Learner(kind="linear"), augmentation=made_up)

    with pytest.raises(Invalid, match="binary outcome without weights only"):
        learn(declaration, features(), rows(1, "regression"), rows(2, "regression"), [])


def test_a_direction_of_a_signal_is_one_of_its_features():
    declaration = declared(
        learner=Learner(monotone={"lactate": "increasing", "age.last": "decreasing"})
    )

    plan = plan_of(declaration, features())

    assert [column.monotone for column in plan.columns] == [1, -1, 0]
    assert [column.categories for column in plan.columns] == [0, 0, 3]
