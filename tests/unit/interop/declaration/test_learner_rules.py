"""The learner as declared: a mistake is named when it is read, with the fix."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

import bedside.usecases
from bedside.core.errors import Invalid
from bedside.core.records.declaration import Learner
from bedside.core.records.outcome import Outcome
from bedside.core.records.training import Augmentation, Resample
from bedside.develop.train.learners.loading import learner_of
from bedside.features.definition import expand
from bedside.interop.declaration import json_schema
from bedside.interop.declaration.learner_rules import learner_mistakes
from bedside.interop.declaration.reading import read_declaration
from bedside.metrics.names import metric_names

SOURCE = (Path(bedside.usecases.__file__).parent / "early_warning" / "bedside.yaml").read_text()
PAIR = "members: [{kind: lightgbm}, {kind: logistic}]"


def read(learner):
    told = yaml.safe_load(SOURCE)
    told["learner"] = yaml.safe_load(learner)
    Draft202012Validator(json_schema()).validate(told)
    return read_declaration(
        yaml.safe_dump(told, sort_keys=False).encode(),
        metrics=metric_names,
        features=lambda declaration: expand(declaration).features,
        learners=learner_of,
    )


@pytest.mark.parametrize(
    ("learner", "says"),
    [
        ("{kind: lightgbn}", "use one of: .*lightgbm"),
        ("{kind: linear}", "linear does not learn an outcome that is binary.*regression"),
        ("{kind: logistic, parameters: {c: 1}}", "unknown parameter 'c'"),
        ("{kind: logistic, monotone: {lactate: increasing}}", "cannot be held to one direction"),
        ("{monotone: {lactat: increasing}}", "write 'lactate'"),
        ("{monotone: {sex: increasing}}", "'sex' is a category, which has no direction"),
        ("{rounds: 0}", "give 1 to 100000"),
        ("{rounds: 50, early_stopping: 51}", "give 0 to 50"),
        ("{threads: 0}", "threads is out of bounds"),
        ("{seed: 2147483648}", "seed is out of bounds"),
        ("{positive_weight: 0}", "give more than 0"),
        ("{positive_weight: .nan}", "give more than 0"),
        (f"{{{PAIR}}}", "only an ensemble has members"),
        ("{kind: ensemble}", "name two learners or more"),
        (f"{{kind: ensemble, positive_weight: 3, {PAIR}}}", "give it to its members"),
        ("{kind: ensemble, members: [{kind: ensemble}, {}]}", "an ensemble inside an ensemble"),
        ("{kind: ensemble, members: [{kind: cart}, {}]}", "No learner 'cart' is installed"),
        ("{kind: ensemble, members: [{kind: linear}, {}]}", "linear does not learn"),
        ("{kind: ensemble, members: [{calibration: none}, {}]}", "of the whole ensemble"),
        (f"{{kind: ensemble, monotone: {{lactate: increasing}}, {PAIR}}}", "or this member"),
    ],
)
def test_a_wrong_learner_is_named_with_its_fix(learner, says):
    with pytest.raises(Invalid, match=says):
        read(learner)


@pytest.mark.parametrize(
    "learner",
    [
        f"{{kind: ensemble, {PAIR}}}",
        "{kind: ebm, monotone: {lactate: increasing, ph.last: decreasing}, positive_weight: 4}",
        "{kind: logistic, parameters: {C: 0.3, l1_ratio: 0.5}}",
    ],
)
def test_a_right_learner_is_read(learner):
    assert read(learner).learner.kind == yaml.safe_load(learner)["kind"]


def test_what_only_a_yes_or_no_can_have_is_refused_of_another_outcome():
    declared = read("{kind: lightgbm}")
    changed = replace(
        declared,
        question=replace(declared.question, outcome=Outcome(kind="regression")),
        learner=Learner(calibration="beta", positive_weight=2.0),
        augmentation=(Augmentation(resample=Resample(method="random_over")),),
    )

    places = {mistake.path[-1] for mistake in learner_mistakes(changed, learner_of)}

    assert places == {"calibration", "positive_weight", "augmentation"}
