"""A survival model on its way to patients: judged by what came true by each horizon."""

import json

import pytest

from bedside.cli.rollout_words import guards_words, rollout_words
from bedside.core.errors import Refused
from bedside.core.records.bundle import EVIDENCE
from bedside.core.records.version import Stage
from bedside.lifecycle import live_performance as judging
from bedside.lifecycle.live_performance import live_performance
from bedside.lifecycle.predictions import outcomes
from bedside.lifecycle.release import approve, live_case, release
from bedside.lifecycle.rollout import judge_guards, rollout_of, watch_guards
from data_folder import data_folder
from survival_ward import a_survival_ward, as_if

EDITS = (  # of the shipped declaration: but 90 patients are held out
    ("{metric: answers, at_least: 100}", "{metric: answers, at_least: 50}"),
    ("{metric: judged_at_365_days, at_least: 100,", "{metric: judged_at_365_days, at_least: 80,"),
    ("over: 730 d, minimum: 100", "over: 730 d, minimum: 50"),
)
GUARD = "expected_observed_ratio_at_365_days"
YES = {"name": "Dr Ada", "meaning": "fit to be shown"}


def followed_until(last):
    """As known when nobody had been followed longer than this."""
    return lambda days, event: (last, "0") if days > last else (days, event)


def upside_down(days, event):
    """Whoever lived long died at once, and whoever died early lives on."""
    return (20.0, "1") if days > 365 else (1200.0, "0")


def refusal(platform, version, stage):
    with pytest.raises(Refused) as refused:
        release(platform, version.id, stage)
    assert refused.value.code == "live_gates"
    return str(refused.value)


def waits_for_its_first_horizon(ward, tmp_path):
    platform, version = ward.platform, ward.version
    ward.answer("silent")

    nothing = refusal(platform, version, Stage.CANARY)

    assert "answers with a known outcome by 365 days: 0; wanted: at least 80" in nothing
    assert "not known yet (no outcome has come)" in nothing

    outcomes(platform, version.id, as_if(tmp_path / "early", followed_until(200.0)))
    soon = refusal(platform, version, Stage.CANARY)

    died = sum((ward.rows["label"] == 1) & (ward.rows["target"] <= 200))
    assert f"answers with a known outcome by 365 days: {died}; wanted: at least 80" in soon
    assert (
        "Expected / observed at 365 days: not known yet (ten patients or fewer were followed past"
        in soon
    )


def becomes_live(ward, tmp_path):
    platform, version = ward.platform, ward.version
    outcomes(platform, version.id, as_if(tmp_path / "later", followed_until(400.0)))
    case = live_case(platform, version)

    assert {one.state for one in case.judged(Stage.CANARY)} == {"passed"}
    day = platform.clock.now().date().isoformat()
    evaluated = live_performance(platform, version.id, since=day, until=day)
    figures, same = case.evidence["figures"], evaluated["care"]["all"]["metrics"]
    assert {"uno_c", "auroc_at_365_days", "brier_at_365_days", "ici_at_365_days"} <= set(same)
    for name, one in same.items():
        if figures[name]["estimate"] is not None:
            assert figures[name]["estimate"] == pytest.approx(one["estimate"], rel=1e-6), name

    approve(platform, version.id, step=Stage.CANARY, **YES)
    release(platform, version.id, Stage.CANARY)
    ward.answer("canary", Stage.CANARY)
    approve(platform, version.id, step=Stage.LIVE, **YES)
    live = release(platform, version.id, Stage.LIVE)
    assert live.stage is Stage.LIVE


def is_held(ward, tmp_path):
    platform, version = ward.platform, ward.version
    ward.answer("live", Stage.LIVE)

    _, waits = judge_guards(platform, version.name)
    assert "0 of 50 answers judged by 365 days in 730 d" in waits.result.text

    outcomes(platform, version.id, data_folder("survival-sksurv"))
    _, kept = judge_guards(platform, version.name)
    evidence = json.loads(ward.bundle.files[EVIDENCE])["metrics"][GUARD]
    told = kept.result.evidence["figures"][GUARD]
    assert kept.result.state == "kept"
    assert told["estimate"] == pytest.approx(evidence["estimate"], rel=1e-6)
    assert watch_guards(platform, version.name) == []
    words = rollout_words(rollout_of(platform, version.name), platform.clock.now())
    assert "Brier score at 365 days" in words
    assert "Expected / observed at 1,096 days" in words

    outcomes(platform, version.id, as_if(tmp_path / "wrong", upside_down))
    (fired,) = watch_guards(platform, version.name)

    assert (fired.then, fired.metric) == ("hold", GUARD)
    assert "Expected / observed at 365 days: 0." in fired.text
    assert platform.registry.get(version.id).stage is Stage.SILENT
    assert "nothing is shown" in guards_words(
        judge_guards(platform, version.name), platform.clock.now()
    )
    history = rollout_words(rollout_of(platform, version.name), platform.clock.now())
    assert "held by a guard: Expected / observed at 365 days" in history


def test_a_survival_model_is_judged_by_its_horizons_and_held_when_they_break_a_guard(
    tmp_path, monkeypatch
):
    (tmp_path / "ward").mkdir()
    ward = a_survival_ward(tmp_path / "ward", EDITS)
    monkeypatch.setattr(judging, "REPLICATES", 2)

    waits_for_its_first_horizon(ward, tmp_path)
    becomes_live(ward, tmp_path)
    is_held(ward, tmp_path)
