"""Nobody is judged by a model that saw them, and the figures over folds are what they say."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import recall_score, roc_auc_score
from sksurv.metrics import concordance_index_censored

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Evaluation, Learner, Threshold
from bedside.core.records.outcome import Outcome
from bedside.core.records.split import Split
from bedside.core.records.training import Augmentation, Jitter
from bedside.develop.evaluate.cross_validation import cross_validate
from bedside.develop.evaluate.out_of_fold import out_of_fold, trees
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.cox import Cox
from bedside.features.definition import expand
from bedside.models.learnt import LearntModel
from trained import a_declaration

SCORE = Threshold(maximise="min_sensitivity_ppv")


def some_rows(subjects=300, per=2, seed=4):
    """Subjects with a feature that says something of the label, and one that names the subject."""
    generator = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), per)
    risk = generator.uniform(0.02, 0.98, len(subject))
    label = (generator.random(len(subject)) < risk).astype(np.int64)
    asked = pl.DataFrame({"subject_id": subject, "label": label})
    return asked, np.column_stack([risk, subject.astype(float)])


def told(folds=4, threshold=SCORE, **more):
    evaluation = Evaluation(threshold=threshold, folds=folds, bootstrap=50, **more)
    return a_declaration(evaluation=evaluation)


def by_first_feature(fold):
    """A model that learns one number: the share of positive rows moves the first feature."""
    share = fold.train.label.mean()
    return lambda features: np.clip(features[:, 0] * (0.5 + share), 0, 1)


def by_heart(fold):
    """A model that knows by heart the labels of the subjects that it saw, and nothing else."""
    seen = np.concatenate([fold.train.features[:, 1], fold.tuning.features[:, 1]])
    label = np.concatenate([fold.train.label, fold.tuning.label])
    known = dict(zip(seen, label, strict=True))
    return lambda features: np.array([known.get(one, 0.5) for one in features[:, 1]], float)


def validated(learner, declaration=None, rows=None, **more):
    asked, matrix = rows or some_rows()
    return cross_validate(
        declaration or told(),
        asked,
        matrix,
        learner,
        names=("risk", "subject"),
        days=np.ones(asked.height),
        **more,
    )


def test_a_model_that_knows_its_subjects_by_heart_is_worth_a_coin():
    found = validated(by_heart)

    assert found["metrics"]["auroc"]["pooled"]["estimate"] == 0.5


def test_a_group_is_judged_by_models_that_saw_none_of_it():
    asked, matrix = some_rows()
    matrix[:, 1] = matrix[:, 1] // 10
    group = pl.DataFrame({"subject_id": range(300), "text": [f"g{s // 10}" for s in range(300)]})

    found = validated(by_heart, rows=(asked, matrix), group=group)

    assert found["metrics"]["auroc"]["pooled"]["estimate"] == 0.5


def test_what_became_of_a_judged_fold_changes_neither_its_risks_nor_its_threshold():
    asked, matrix = some_rows()
    options = told().evaluation
    before = out_of_fold(asked, matrix, by_first_feature, options=options, names=("a", "b"))
    turned = np.where(before.fold == 2, 1 - asked["label"].to_numpy(), asked["label"].to_numpy())

    after = out_of_fold(
        asked.with_columns(label=turned),
        matrix,
        by_first_feature,
        options=options,
        names=("a", "b"),
    )

    judged = before.fold == 2
    assert np.array_equal(before.risk[judged], after.risk[judged])
    assert np.array_equal(before.threshold[judged], after.threshold[judged])
    assert not np.array_equal(before.risk[~judged], after.risk[~judged])


def test_figures_are_those_of_the_out_of_fold_rows_and_of_each_fold():
    asked, matrix = some_rows()
    label = asked["label"].to_numpy()
    judged = out_of_fold(
        asked, matrix, by_first_feature, options=told().evaluation, names=("a", "b")
    )
    alert = judged.risk >= judged.threshold
    parts = [judged.fold == number for number in range(4)]

    found = validated(by_first_feature)

    auroc, sensitivity = found["metrics"]["auroc"], found["metrics"]["sensitivity"]
    assert auroc["pooled"]["estimate"] == pytest.approx(roc_auc_score(label, judged.risk))
    assert sensitivity["pooled"]["estimate"] == pytest.approx(recall_score(label, alert))
    each = [roc_auc_score(label[part], judged.risk[part]) for part in parts]
    assert auroc["by_fold"]["mean"] == pytest.approx(np.mean(each))
    assert auroc["by_fold"]["sd"] == pytest.approx(np.std(each, ddof=1))
    assert (auroc["by_fold"]["lowest"], auroc["by_fold"]["highest"]) == pytest.approx(
        (min(each), max(each))
    )
    caught = [recall_score(label[part], alert[part]) for part in parts]
    assert sensitivity["by_fold"]["mean"] == pytest.approx(np.mean(caught))
    odds = judged.threshold / (1 - judged.threshold)
    benefit = np.mean(alert * np.where(label == 1, 1, -odds))
    assert found["metrics"]["net_benefit"]["pooled"]["estimate"] == pytest.approx(benefit)
    assert len({one["threshold"] for one in found["by_fold"]}) == 4
    assert sum(one["subjects"] for one in found["by_fold"]) == 300
    assert auroc["pooled"]["low"] < auroc["pooled"]["estimate"] < auroc["pooled"]["high"]


def test_every_metric_of_the_evaluation_is_there():
    found = validated(by_first_feature, told(utility="physionet_2019", burden_per="day"))

    assert {"min_sensitivity_ppv", "normalised_utility", "subject_sensitivity"} < set(
        found["metrics"]
    )


def test_a_row_of_unknown_label_is_passed_over():
    asked, matrix = some_rows()
    more = pl.concat([asked, pl.DataFrame({"subject_id": [999], "label": [None]}, asked.schema)])

    found = validated(by_first_feature, rows=(more, np.vstack([matrix, [0.5, 999]])))

    assert canonical_json(found) == canonical_json(validated(by_first_feature))


def test_a_spread_over_folds_of_few_subjects_is_not_shown():
    found = validated(by_first_feature, rows=some_rows(subjects=60, per=1))

    spread = found["metrics"]["auroc"]["by_fold"]
    assert spread["mean"] is None
    assert "10 subjects or fewer" in spread["why"]


def test_trees_are_fitted_as_declared_and_the_same_every_time():
    asked, matrix = some_rows()
    declaration = told(folds=3, threshold=Threshold(sensitivity=0.8))
    declaration = replace(declaration, learner=Learner(rounds=20, threads=1))
    feature_set = expand(declaration)
    width = len(feature_set.names)
    wide = np.column_stack([matrix[:, :1], np.zeros((len(matrix), width - 1))])

    def once():
        return cross_validate(
            declaration,
            asked,
            wide,
            trees(declaration, feature_set),
            names=feature_set.names,
            days=np.ones(len(wide)),
        )

    found = once()

    assert canonical_json(found) == canonical_json(once())
    assert found["metrics"]["auroc"]["pooled"]["estimate"] > 0.7
    assert found["metrics"]["sensitivity"]["pooled"]["estimate"] == pytest.approx(0.8, abs=0.1)


def test_copies_that_nobody_can_make_are_refused():
    jitter = Augmentation(jitter=Jitter(signals=("radius",)))
    declaration = replace(told(), augmentation=(jitter,))

    with pytest.raises(Invalid, match="cannot be made"):
        trees(declaration, expand(declaration))


def test_copies_are_made_of_the_training_rows_of_each_fold_alone():
    asked, matrix = some_rows()
    jitter = Augmentation(jitter=Jitter(signals=("radius",), copies=2))
    declaration = replace(told(folds=2), augmentation=(jitter,), learner=Learner(rounds=2))
    feature_set = expand(declaration)
    wide = np.tile(matrix[:, :1], (1, len(feature_set.names)))
    asked_for = []

    def copies(rows):
        asked_for.append(rows)
        return [np.tile(wide[rows], (2, 1))]

    judged = out_of_fold(
        asked,
        wide,
        trees(declaration, feature_set, copies),
        options=declaration.evaluation,
        names=feature_set.names,
    )

    assert len(asked_for) == 2
    assert all(n not in judged.fold[rows] for n, rows in enumerate(asked_for))


def test_a_fold_without_a_case_to_tune_on_is_refused():
    asked, matrix = some_rows(subjects=12, per=2)

    with pytest.raises(Invalid, match=r"no (positive|negative) case"):
        validated(
            by_first_feature,
            told(folds=2, split=Split(train=0.98, tuning=0.01, held_out=0.01)),
            rows=(asked, matrix),
        )


def a_cox_model(fold):
    options = Learner(kind="cox", parameters={"ridge": 0.01})
    plan = Plan(
        options=options,
        columns=tuple(Column(name=name) for name in fold.train.names),
        outcome=Outcome(kind="survival", horizons=("30 d", "60 d")),
        horizons=(30.0, 60.0),
    )
    return LearntModel(Cox().fit(fold.train, fold.tuning, plan))


def test_survival_is_judged_by_what_the_model_of_each_fold_says_of_its_own_rows():
    generator = np.random.default_rng(7)
    matrix = generator.normal(size=(240, 2))
    came = generator.exponential(50 * np.exp(-matrix[:, 0]))
    left = generator.exponential(80, 240)
    asked = pl.DataFrame(
        {
            "subject_id": np.arange(240),
            "label": (came <= left).astype(np.int64),
            "target": np.minimum(came, left),
        }
    )
    outcome = Outcome(kind="survival", horizons=("30 d", "60 d"))
    declaration = told(folds=3, threshold=Threshold())
    declaration = replace(declaration, question=replace(declaration.question, outcome=outcome))

    found = validated(a_cox_model, declaration, rows=(asked, matrix))["metrics"]

    judged = out_of_fold(
        asked,
        matrix,
        a_cox_model,
        options=declaration.evaluation,
        names=("risk", "subject"),
        outcome=outcome,
    )
    theirs = concordance_index_censored(asked["label"] == 1, asked["target"], judged.risk)[0]
    assert found["harrell_c"]["pooled"]["estimate"] == pytest.approx(theirs, abs=1e-9)
    assert judged.threshold is None
    np.testing.assert_array_equal(judged.outputs[:, 1], judged.risk)
    assert (judged.outputs[:, 0] < judged.outputs[:, 1]).all()
    for number in range(3):
        own = judged.fold == number
        some = {"event": asked["label"].to_numpy()[own] == 1, "days": asked["target"].filter(own)}
        alone = concordance_index_censored(some["event"], some["days"], judged.risk[own])[0]
        assert found["harrell_c"]["by_fold"]["lowest"] <= alone + 1e-9
        assert found["harrell_c"]["by_fold"]["highest"] >= alone - 1e-9


def test_a_number_is_judged_without_positive_rows_or_a_threshold():
    generator = np.random.default_rng(8)
    matrix = generator.normal(size=(120, 2))
    value = 3 * matrix[:, 0] + generator.normal(size=120)
    asked = pl.DataFrame({"subject_id": np.arange(120), "label": [0] * 120, "target": value})
    declaration = told(folds=3, threshold=Threshold())
    question = replace(declaration.question, outcome=Outcome(kind="regression"))

    found = validated(
        lambda _: lambda features: 3 * features[:, 0],
        replace(declaration, question=question),
        rows=(asked, matrix),
    )

    assert found["counts"] == {"subjects": 120, "rows": 120, "positive": 0}
    error = np.abs(value - 3 * matrix[:, 0]).mean()
    assert found["metrics"]["mae"]["pooled"]["estimate"] == pytest.approx(error)
    assert {one["threshold"] for one in found["by_fold"]} == {None}
