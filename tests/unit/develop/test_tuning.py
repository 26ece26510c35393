"""Tuning stays within the training subjects, and finds the same whoever does the trials."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, mean_squared_error

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Bounds, Evaluation, Learner, Threshold, Tuning
from bedside.core.records.outcome import Outcome
from bedside.core.records.training import Augmentation, Jitter
from bedside.develop.evaluate.out_of_fold import out_of_fold, trees
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.lightgbm import LightGbm
from bedside.develop.train.learners.loading import learner_of
from bedside.develop.train.learning import copies_of_rows
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation.groups import Levels
from bedside.develop.train.tuning.fitting import fold_loss
from bedside.develop.train.tuning.folds import subject_folds
from bedside.develop.train.tuning.loss import loss_of
from bedside.develop.train.tuning.search import Search, next_batch, searched, told_of
from bedside.develop.train.tuning.space import proposed, space_of
from bedside.develop.train.tuning.trial import Trial, best_of, value_of
from bedside.develop.train.tuning.words import tuning_lines
from bedside.features.definition import expand
from bedside.lifecycle.sides import Sides, sides_bytes, sides_from
from bedside.lifecycle.steps import StepRunner
from bedside.lifecycle.tuning import tuned, with_tuned
from bedside.models.form import Additive, Member, ModelForm, Term
from bedside.models.learnt import LearntModel
from bedside.wiring.progress import LineProgress
from bedside.wiring.settings import Settings
from bedside.wiring.workspace import actor_of, open_workspace
from trained import a_declaration

SPACE = {
    "c": Bounds(low=0.01, high=100.0, log=True),
    "leaves": Bounds(low=2, high=64, log=True, whole=True),
    "way": Bounds(choices=("left", "right")),
    "x": Bounds(low=-2.0, high=2.0),
}
PLAN = Tuning(trials=24, folds=3)


def bowl(trials, fold):
    """A loss with one best place, harder in each later fold; the declared learner lies far off."""
    return [
        fold
        + (np.log10(trial.parameters.get("c", 90.0)) - 1) ** 2
        + (trial.parameters.get("x", 2.0) - 0.5) ** 2
        + (trial.parameters.get("way", "left") == "left")
        for trial in trials
    ]


def a_search(plan=PLAN, space=SPACE, judge=bowl):
    return Search(space=space, plan=plan, judge=judge)


def test_every_proposal_lies_in_its_bounds_and_is_the_same_for_the_same_history():
    history = searched(a_search())

    asked = proposed(SPACE, history, PLAN, 40)

    assert asked == proposed(SPACE, history, PLAN, 40)
    assert asked != proposed(SPACE, history, replace(PLAN, seed=2), 40)
    assert asked != proposed(SPACE, history[:-1], PLAN, 40)
    for one in asked:
        assert list(one) == sorted(SPACE)
        assert 0.01 <= one["c"] <= 100
        assert one["c"] == float(f"{one['c']:.6g}")
        assert isinstance(one["leaves"], int)
        assert 2 <= one["leaves"] <= 64
        assert one["way"] in ("left", "right")
        assert -2 <= one["x"] <= 2


def test_a_search_does_better_than_as_many_random_trials():
    plan = replace(PLAN, trials=48, prune=False)
    random = [
        min(value_of([bowl([trial], fold)[0] for fold in range(3)]) for trial in asked)
        for seed in range(5)
        for asked in [
            [
                Trial(number=at, parameters=one)
                for at, one in enumerate(proposed(SPACE, [], replace(plan, seed=seed), 48))
            ]
        ]
    ]

    found = [
        value_of(best_of(searched(a_search(replace(plan, seed=seed)))).losses) for seed in range(5)
    ]

    assert np.mean(found) < np.mean(random)
    assert max(found) < 1.1  # 1 is the best there is, the mean of the folds


def test_the_learner_as_declared_is_the_first_trial_and_stays_when_nothing_beats_it():
    def declared_is_best(trials, fold):
        return [0.0 if not trial.parameters else 1.0 for trial in trials]

    search = a_search(judge=declared_is_best)
    told = told_of(search, searched(search))

    assert told["best"] == {"number": 0, "parameters": {}, "value": 0.0}
    assert told["declared"] == 0.0


def test_a_trial_is_given_up_where_it_is_worse_than_the_median_of_those_before_it():
    trials = searched(a_search())

    assert any(trial.pruned for trial in trials)
    for start in range(0, len(trials), 4):
        for trial in trials[start : start + 4]:
            given_up = None
            for folds in (1, 2):
                before = [t.losses for t in trials[:start] if len(t.losses) >= folds]
                mine = [bowl([trial], fold)[0] for fold in range(folds)]
                if len(before) >= 4 and np.mean(mine) > np.median(
                    [np.mean(one[:folds]) for one in before]
                ):
                    given_up = folds
                    break
            assert trial.pruned == (given_up is not None)
            assert len(trial.losses) == (given_up or 3)


def test_without_pruning_every_trial_sees_every_fold():
    trials = searched(a_search(replace(PLAN, prune=False)))

    assert all(len(trial.losses) == 3 and not trial.pruned for trial in trials)


def test_a_search_that_is_taken_up_again_tries_the_same():
    search = a_search()
    whole = searched(search)
    kept = json.loads(json.dumps([trial.as_json() for trial in whole[:8]]))

    assert [*whole[:8], *next_batch(search, [Trial.from_json(one) for one in kept])] == whole[:12]


def test_a_declared_space_is_looked_at_and_otherwise_the_learners_own():
    own, learner = space_of(Tuning(), LightGbm()), LightGbm()
    shared = Tuning(space={"C": Bounds(low=1, high=2), "num_leaves": Bounds(low=2, high=9)})

    assert set(own) == {name for name, at in learner.parameters.items() if at is not None}
    assert list(space_of(shared, learner)) == ["num_leaves"]
    assert list(space_of(shared, learner_of("logistic"))) == ["C"]


@settings(max_examples=30, deadline=None)
@given(st.data(), st.integers(2, 6), st.integers(0, 99))
def test_all_rows_of_a_subject_are_in_one_fold_and_labels_are_dealt_out_evenly(data, folds, seed):
    subject = np.array(data.draw(st.lists(st.integers(0, 30), min_size=1, max_size=90)))
    label = (subject % 3 == 0).astype(np.int64)
    rows = Matrix(features=np.zeros((len(subject), 1)), label=label, names=("a",), subject=subject)

    fold = subject_folds(rows, folds, seed)

    of_subject = {one: set(fold[subject == one]) for one in set(subject)}
    assert all(len(one) == 1 for one in of_subject.values())
    for ill in (0, 1):
        counts = np.bincount(
            [next(iter(at)) for one, at in of_subject.items() if (one % 3 == 0) == ill],
            minlength=folds,
        )
        assert counts.max() - counts.min() <= 1


def linear(outcome, slope, **more):
    """A model of one feature: the margin is the slope times it."""
    term = Term(kind="linear", features=(0,), scores=((slope, 0.0),))
    return ModelForm(
        outcome=outcome,
        width=1,
        members=(Member(part=Additive(intercept=(0.0,), terms=(term,))),),
        **more,
    )


def test_the_loss_is_scikit_learns():
    generator = np.random.default_rng(3)
    x, label = generator.normal(size=(200, 1)), generator.integers(0, 2, 200)
    value = x[:, 0] + generator.normal(size=200)
    rows = Matrix(features=x, label=label, names=("x",), target=value)
    risk = 1 / (1 + np.exp(-0.7 * x[:, 0]))

    yes_or_no = loss_of(linear("binary", 0.7, link="logistic"), rows)
    number = loss_of(linear("regression", 0.7, link="identity"), rows)

    assert yes_or_no == pytest.approx(log_loss(label, risk), rel=1e-9)
    assert number == pytest.approx(mean_squared_error(value, 0.7 * x[:, 0]), rel=1e-9)


def noise_rows(subjects=120, per=3, seed=5, width=3):
    """Labels that no feature tells, but one feature names the subject."""
    generator = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), per)
    label = np.repeat(generator.integers(0, 2, subjects), per)
    features = generator.normal(size=(len(subject), width))
    features[:, 0] = subject
    names = tuple(feature.name for feature in _features(width).features)
    return Matrix(features=features, label=label, names=names, subject=subject)


def _features(width=3):
    whole = expand(a_declaration())
    return replace(whole, features=whole.features[:width])


def with_learner(**options):
    return a_declaration(learner=Learner(**{"rounds": 20, "threads": 1, **options}))


@pytest.mark.parametrize("stop", [0, 3])
def test_a_trial_knows_nothing_of_the_rows_that_judge_it(stop):
    """A learner that knew by heart the subjects who judge it would lose next to nothing."""
    greedy = {"num_leaves": 31, "min_data_in_leaf": 1, "min_data_in_bin": 1, "max_bin": 400}
    declared = with_learner(early_stopping=stop, parameters={"learning_rate": 0.5, **greedy})

    loss = fold_loss(declared, _features(), noise_rows(), (), folds=3, fold=0, seed=1)

    assert loss > 0.6  # a coin's is 0.69


def test_copies_go_with_the_rows_that_they_are_of():
    rows = noise_rows()
    copies = [np.concatenate([rows.features + 0.5, rows.features + 1.5])]
    some = np.array([0, 7, 30])

    (made,) = copies_of_rows(rows, copies, some)

    assert (made.features[:3] == rows.features[some] + 0.5).all()
    assert (made.features[3:] == rows.features[some] + 1.5).all()
    assert (made.label == np.tile(rows.label[some], 2)).all()
    jitter = (Augmentation(jitter=Jitter()),)
    declared = replace(with_learner(), augmentation=jitter)
    assert fold_loss(declared, _features(), rows, copies, folds=3, fold=1, seed=1) > 0.6


def survival_rows(n=300):
    """Days that hang on one feature, some cut short."""
    generator = np.random.default_rng(9)
    x = generator.normal(size=(n, 3))
    event, end = generator.exponential(100 * np.exp(-x[:, 0])), generator.uniform(50, 400, n)
    return Matrix(
        features=x,
        label=(event <= end).astype(np.int64),
        names=("a", "b", "c"),
        target=np.minimum(event, end),
    )


def test_the_loss_of_survival_is_scikit_survivals():
    from sksurv.metrics import brier_score  # noqa: PLC0415
    from sksurv.util import Surv  # noqa: PLC0415

    rows = survival_rows()
    outcome = Outcome(kind="survival", horizons=("200 d",))
    columns = tuple(Column(name=name) for name in rows.names)
    plan = Plan(options=Learner(kind="cox"), columns=columns, outcome=outcome, horizons=(200.0,))
    form = learner_of("cox").fit(rows, rows, plan)
    days = np.linspace(8, 200, 25)
    told = Surv.from_arrays(rows.label == 1, rows.target)
    survival = 1 - LearntModel(form).curve(rows.features, days)

    _, scores = brier_score(told, told, survival, days)

    assert loss_of(form, rows) == pytest.approx(scores.mean(), rel=1e-9)


def test_more_folds_than_subjects_are_refused():
    with pytest.raises(Invalid, match="fewer training subjects than folds"):
        fold_loss(with_learner(), _features(), noise_rows(3), (), folds=10, fold=9, seed=1)


@pytest.mark.parametrize("whole", [True, False])
def test_the_rows_of_a_task_are_the_same_after_their_way_through_the_store(whole):
    rows = replace(noise_rows(8), target=np.linspace(0, 1, 24), weight=np.ones(24))
    levels = Levels(train=np.array(["é", ""] * 12), tuning=np.array(["é", "x"] * 12))
    sides = Sides(train=rows)
    if whole:
        sides = Sides(train=rows, copies=(rows.features,), tuning=rows, levels=levels)

    content = sides_bytes(sides)
    again = sides_from(content)

    assert sides_bytes(again) == content == sides_bytes(sides)
    assert again.train.names == rows.names
    assert (again.train.features == rows.features).all()
    assert (again.train.subject == rows.subject).all()
    assert (again.tuning is None) != whole
    assert (again.levels.train[0] if whole else again.levels) == ("é" if whole else None)


def a_platform(folder, workers):
    settings = Settings(folder=folder, workers=workers)
    actor = actor_of("test", "test")
    return open_workspace(folder, actor=actor, progress=LineProgress(), settings=settings)


def steps_in(platform):
    return StepRunner(
        folder=platform.folder / "steps",
        objects=platform.objects,
        write=platform.write,
        progress=platform.progress,
        code="test",
    )


def tune_in(platform, declared, rows):
    said = []
    told = tuned(
        platform,
        steps_in(platform),
        declared,
        _features(),
        rows,
        (),
        lambda _: None,
        said.append,
    )
    return told, said


class Failing:
    """An engine whose power goes off after so many calls."""

    def __init__(self, engine, calls):
        self._engine, self.calls, self.left = engine, 0, calls

    def map(self, work, tasks):
        self.calls += 1
        if self.calls > self.left:
            raise KeyboardInterrupt
        return self._engine.map(work, tasks)


def telling_rows(subjects=90):
    rows = noise_rows(subjects, per=1)
    risk = 1 / (1 + np.exp(-2 * rows.features[:, 1]))
    label = (np.random.default_rng(2).random(subjects) < risk).astype(np.int64)
    return replace(rows, label=label)


def test_one_worker_and_two_find_the_same_and_a_killed_search_goes_on(tmp_path):
    declared = with_learner(kind="logistic", tuning=Tuning(trials=10, folds=2))
    rows = telling_rows()
    one, two = (a_platform(tmp_path / str(n), n) for n in (1, 2))

    alone, said = tune_in(one, declared, rows)
    together, _ = tune_in(two, declared, rows)
    two.engine.close()
    third = a_platform(tmp_path / "3", 1)
    with pytest.raises(KeyboardInterrupt):
        tune_in(replace(third, engine=Failing(third.engine, 5)), declared, rows)
    counting = Failing(third.engine, 99)
    again, heard = tune_in(replace(third, engine=counting), declared, rows)

    assert alone == together == again
    assert counting.calls == 2  # of the third batch alone, one for each fold
    assert sum("done before" in line for line in heard) == 8
    assert len([line for line in said if "of 10" in line]) == 10
    assert with_tuned(declared, alone).learner.parameters == alone["best"]["parameters"]


def test_members_of_an_ensemble_are_tuned_one_after_the_other(tmp_path):
    space = {"C": Bounds(low=0.01, high=10.0, log=True), "num_leaves": Bounds(choices=(2, 3, 4))}
    members = (
        Learner(kind="logistic"),
        Learner(rounds=5, threads=1),
        Learner(kind="ebm", rounds=3),
    )
    declared = a_declaration(
        learner=Learner(
            kind="ensemble",
            members=members,
            tuning=Tuning(trials=5, folds=2, space=space),
        )
    )

    told, said = tune_in(a_platform(tmp_path, 1), declared, telling_rows())

    assert [part["kind"] for part in told["members"]] == ["logistic", "lightgbm", "ebm"]
    assert [list(part["space"]) for part in told["members"]] == [["C"], ["num_leaves"], []]
    assert any("ebm has nothing to tune" in line for line in said)
    chosen = with_tuned(declared, told).learner.members
    assert [one.parameters for one in chosen] == [
        part["best"]["parameters"] for part in told["members"]
    ]


def test_within_cross_validation_no_row_of_the_judged_fold_reaches_a_trial():
    """Other labels and features of a judged fold change nothing of what its tuning chose."""
    rows = noise_rows(90, per=2)
    plan = Tuning(trials=3, folds=2)
    declared = replace(
        with_learner(rounds=3, tuning=plan),
        evaluation=Evaluation(threshold=Threshold(value=0.5), folds=3, bootstrap=100),
    )
    feature_set = _features()

    def run(features, label):
        seen, found = [], []

        def tune(train, copies):
            def judge(trials, fold):
                return [
                    fold_loss(
                        replace(
                            declared,
                            learner=replace(declared.learner, parameters=dict(one.parameters)),
                        ),
                        feature_set,
                        train,
                        copies,
                        folds=2,
                        fold=fold,
                        seed=1,
                    )
                    for one in trials
                ]

            seen.append(set(train.features[:, 0].astype(int)))
            found.append(searched(a_search(plan, space_of(plan, LightGbm()), judge)))
            return declared

        asked = pl.DataFrame({"subject_id": rows.subject, "label": label})
        judged = out_of_fold(
            asked,
            features,
            trees(declared, feature_set, tune=tune),
            options=declared.evaluation,
            names=rows.names,
        )
        return judged.fold, seen, found

    fold, seen, found = run(rows.features, rows.label)
    for number in range(3):
        held = fold == number
        assert not seen[number] & set(rows.subject[held])
        poisoned = np.where(held[:, None], 1e6, rows.features)
        poisoned[:, 0] = rows.features[:, 0]
        label = np.where(held, 1 - rows.label, rows.label)
        again = run(poisoned, label)
        assert again[2][number] == found[number]
        assert again[2] != found  # the other folds learn from these rows


def test_the_words_name_the_best_trial_or_that_the_declared_parameters_stay():
    better = searched(a_search())
    told = {"kind": "logistic", "loss": "log loss", "folds": 3, **told_of(a_search(), better)}

    (line,) = tuning_lines(told)

    best = best_of(better)
    assert f"Trial {best.number + 1} has the least log loss" in line
    assert f"x {best.parameters['x']:.4g}" in line
    assert f"{sum(trial.pruned for trial in better)} given up early" in line
    nothing = {"number": 0, "parameters": {}, "value": 0.5}
    assert "None has a lesser" in tuning_lines({**told, "best": nothing})[0]
    assert tuning_lines({**told, "members": [told, {**told, "trials": []}]}) == [
        line,
        "logistic: nothing to tune.",
    ]
    assert tuning_lines(None) == []
