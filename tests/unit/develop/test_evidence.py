"""Evidence keeps small groups hidden and shows its figures with intervals."""

import numpy as np

from bedside.core.records.declaration import Evaluation, Threshold
from bedside.develop.evaluate.evidence import HeldOut, evaluate
from bedside.develop.evaluate.statistics import Rows


def test_a_subgroup_of_three_patients_is_not_shown():
    generator = np.random.default_rng(4)
    risk = generator.uniform(0.05, 0.95, 300)
    label = (generator.random(300) < risk).astype(np.int64)
    groups = np.array(["common"] * 297 + ["rare"] * 3)
    rows = Rows(risk=risk, label=label, subject=np.arange(300), days=np.ones(300))

    evidence = evaluate(
        HeldOut(rows=rows, baseline=rows, groups={"ward": groups}),
        threshold=0.5,
        options=Evaluation(threshold=Threshold(value=0.5), bootstrap=100),
        seed=1,
    )

    rare, common = evidence["subgroups"]["ward"]["rare"], evidence["subgroups"]["ward"]["common"]
    assert all(figure["estimate"] is None and figure["n"] is None for figure in rare.values())
    assert common["auroc"]["low"] < common["auroc"]["estimate"] < common["auroc"]["high"]
