"""A rollout that could not be carried out is refused, with the place and the fix."""

from dataclasses import replace

import pytest

from bedside.core.errors import Invalid
from bedside.core.records.rollout import horizon_of
from bedside.deploy.rollout.evidence import live_evidence
from bedside.deploy.rollout.wording import title_of
from bedside.interop.declaration import read_declaration
from bedside.interop.declaration.rollout_rules import live_metrics
from bedside.metrics.names import metric_names
from bedside.usecases import folder_of
from live_answers import scores

SHIPPED = (folder_of("diagnosis") / "bedside.yaml").read_text().partition("\nhazards:")[0]
FOLDER = folder_of("heart_attack_survival")
SURVIVAL = (FOLDER / "bedside.yaml").read_text().partition("\nrollout:")[0]


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


def read_survival(rollout: str):
    return read_declaration(f"{SURVIVAL}\nrollout: {rollout}\n".encode(), metrics=metric_names)


@pytest.mark.parametrize(
    "rollout",
    [
        "{gates: [{metric: judged_at_365_days, at_least: 100}, {metric: at_risk, at_least: 50}]}",
        "{gates: [{metric: auroc_at_365_days, at_least: 0.7, bound: low, subgroup: sex}]}",
        "{gates: [{metric: expected_observed_ratio, at_least: 0.8, at_most: 1.25}]}",
        "{guards: [{metric: brier_at_365_days, at_most: 0.2, over: 730 d}]}",
        "{guards: [{metric: uno_c, at_least: 0.6, over: 90 d}]}",
    ],
)
def test_a_rollout_of_a_time_until_an_event_is_read(rollout: str) -> None:
    assert read_survival(rollout).rollout is not None


@pytest.mark.parametrize(
    ("rollout", "says"),
    [
        ("{gates: [{metric: integrated_brier, at_most: 0.2}]}", "not told by live answers"),
        ("{gates: [{metric: judged_at_30_days, at_least: 100}]}", "judged_at_365_days"),
        ("{gates: [{metric: mae, at_most: 1}]}", "not told by live answers"),
        ("{guards: [{metric: brier_at_365_days, at_most: 0.2, over: 30 d}]}", "365 days yet"),
        ("{guards: [{metric: sensitivity, at_least: 0.5, over: 1096 d}]}", "such as 2192 d"),
    ],
)
def test_what_no_live_answer_can_tell_in_time_is_refused(rollout: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_survival(rollout)

    assert says in str(refused.value)


def test_every_metric_of_a_time_until_an_event_is_one_that_live_answers_tell() -> None:
    declaration = read_survival("{}")
    answers = [
        replace(one, outputs=(one.risk / 2, one.risk), followed_days=20.0 * at)
        for at, one in enumerate(scores(60))
    ]
    told = live_evidence(answers, "survival", horizons=(365.0, 1096.0), replicates=10)["figures"]

    assert live_metrics(declaration, metric_names(declaration)) == set(told)


def test_what_needs_a_follow_up_is_what_is_named_by_its_horizon() -> None:
    horizons = (365.0, 1096.0)
    computed = metric_names(read_survival("{}"))

    needing = {name for name in computed if horizon_of(name, horizons) is not None}
    titled = {name for name in computed if title_of(name, horizons).endswith(" days")}

    assert needing == titled
    assert {"auroc", "brier_at_365_days", "net_benefit"} <= needing
