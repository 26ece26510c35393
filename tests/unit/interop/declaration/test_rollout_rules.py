"""A rollout that could not be carried out is refused, with the place and the fix."""

import pytest

from bedside.core.errors import Invalid
from bedside.deploy.rollout.evidence import live_evidence
from bedside.interop.declaration import read_declaration
from bedside.interop.declaration.rollout_rules import live_metrics
from bedside.metrics.names import metric_names
from bedside.usecases import folder_of
from live_answers import scores

SHIPPED = (folder_of("diagnosis") / "bedside.yaml").read_text().partition("\nhazards:")[0]


def read(rollout: str):
    return read_declaration(f"{SHIPPED}\nrollout: {rollout}\n".encode(), metrics=metric_names)


@pytest.mark.parametrize(
    "rollout",
    [
        "{canary: {share: 0.2, wards: [icu]}}",
        "{gates: [{metric: auroc, at_least: 0.9, bound: low, stages: [live]}]}",
        "{guards: [{metric: latency_p99_ms, at_most: 500, over: 10 min, then: hold}]}",
    ],
)
def test_a_rollout_that_can_be_carried_out_is_read(rollout: str) -> None:
    assert read(rollout).rollout is not None


@pytest.mark.parametrize(
    ("rollout", "says"),
    [
        ("{canary: {share: 1.5}}", "rollout.canary.share"),
        ("{canary: {share: 0}}", "nobody would see"),
        ("{gates: [{metric: aurok, at_least: 0.9}]}", "auroc"),
        ("{gates: [{metric: auroc}]}", "give at_least or at_most"),
        ("{gates: [{metric: auroc, at_least: 0.9, subgroup: sex}]}", "sex"),
        ("{gates: [{metric: auroc, at_least: 0.9, stages: [silent]}]}", "stages"),
        ("{guards: [{metric: sensitivity_gap, at_most: 0.1}]}", "not told by live answers"),
        ("{guards: [{metric: brier, at_most: 0.1, over: soon}]}", "soon"),
        ("{guards: [{metric: brier, at_most: 0.1, over: 0 min}]}", "back at nothing"),
        ("{guards: [{metric: brier, at_most: 0.1, minimum: 0}]}", "judges nothing"),
        ("{gate: []}", "gates"),
    ],
)
def test_a_rollout_that_cannot_be_carried_out_is_refused_with_the_place(
    rollout: str, says: str
) -> None:
    with pytest.raises(Invalid) as refused:
        read(rollout)

    assert says in str(refused.value)


def test_every_metric_that_may_be_named_is_one_that_live_answers_tell() -> None:
    declaration = read("{}")
    told = live_evidence(scores(60), "binary")["figures"]

    assert live_metrics(declaration, metric_names(declaration)) == set(told)
