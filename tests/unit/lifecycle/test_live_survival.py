"""A time until an event judged live: the evaluation's own figures, once follow-up has come in."""

import json
from datetime import timedelta

import numpy as np
import pytest

from bedside.cli.performance_words import performance_words
from bedside.core.records.bundle import EVIDENCE
from bedside.lifecycle import live_performance as module
from bedside.lifecycle.live_performance import live_performance
from bedside.lifecycle.predictions import outcomes
from bedside.metrics.survival.concordance import harrell_c
from data_folder import data_folder
from survival_ward import HORIZONS, a_survival_ward, as_if

GATE = (
    "\nchannels:",
    "\ngates:\n  - {metric: uno_c, at_least: 0.55, bound: estimate}\n\nchannels:",
)


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """Answers about the held-out patients of a built version, of whom nothing is known yet."""
    ward = a_survival_ward(tmp_path_factory.mktemp("survival"), [GATE])
    ward.answer("p")
    return ward.platform, ward.version, ward.bundle, ward.rows, ward.risks


def until(folder, last):
    """The same data as they were when nobody had been followed longer than this."""
    return as_if(folder, lambda days, event: (last, "0") if days > last else (days, event))


def counts(cause, days, day):
    """By hand: event, other event, followed past, not followed so far."""
    event = sum((cause == 1) & (days <= day))
    past = sum((days > day) | ((days == day) & (cause == 0)))
    return [int(event), 0, int(past), len(days) - int(event) - int(past)]


def test_figures_are_the_evaluations_and_follow_up_may_come_in_later(
    answered, tmp_path, monkeypatch
):
    platform, version, bundle, held_out, risks = answered
    monkeypatch.setattr(module, "REPLICATES", 100)
    day = platform.clock.now().date()
    days = {"since": (day - timedelta(days=2)).isoformat(), "until": day.isoformat()}
    cause, followed = held_out["label"].to_numpy(), held_out["target"].to_numpy()

    nothing = live_performance(platform, version.id, **days)

    assert nothing["follow_up"] == []
    assert nothing["care"]["all"]["metrics"] == {}
    assert "no outcome of these days has come" in " ".join(nothing["unknown"])

    early = outcomes(platform, version.id, until(tmp_path / "early", 400))
    then = live_performance(platform, version.id, **days)

    cut = np.minimum(followed, 400.0)
    came = np.where(followed > 400, 0, cause)
    assert early.noted == len(held_out)
    shown = [[one[name] for name in ("event", "other_event", "past", "censored")]
             for one in then["follow_up"]]  # fmt: skip
    assert [one["days"] for one in then["follow_up"]] == list(HORIZONS)
    for told, at in zip(shown, HORIZONS, strict=True):
        expected = counts(came, cut, at)
        assert sum(one or 0 for one in told) <= len(held_out)
        assert all(one is None or one == true or min(expected) < 11
                   for one, true in zip(told, expected, strict=True))  # fmt: skip
    assert shown[1][2] == 0  # nobody is followed past the last horizon yet
    metrics = then["care"]["all"]["metrics"]
    assert metrics["brier_at_365_days"]["estimate"] is not None
    assert metrics["brier"]["estimate"] is None  # and so nothing is told of it

    late = outcomes(platform, version.id, data_folder("survival-sksurv"))
    again = outcomes(platform, version.id, data_folder("survival-sksurv"))
    now = live_performance(platform, version.id, **days)

    assert late.noted == sum(followed > 400)
    assert again.noted == 0
    assert now["coverage"]["judged"] == len(held_out)
    assert now["coverage"]["corrected"] == 0
    evidence = json.loads(bundle.files[EVIDENCE])["metrics"]
    live = now["care"]["all"]["metrics"]
    of_horizons = [
        name for name in evidence
        if name.startswith(("uno_c", "auroc", "brier", "expected_observed", "ici"))
    ]  # fmt: skip
    assert len(of_horizons) == 9
    for name in of_horizons:
        assert live[name]["estimate"] == pytest.approx(evidence[name]["estimate"], rel=1e-6), name
        assert live[name]["low"] <= live[name]["estimate"] <= live[name]["high"]
    later = followed > HORIZONS[-1]
    within = np.where(later, HORIZONS[-1] + 1, followed)
    assert live["harrell_c"]["estimate"] == pytest.approx(
        harrell_c(within, np.where(later, 0, cause), risks[:, -1])
    )
    groups, held = now["subgroups"], json.loads(bundle.files[EVIDENCE])["subgroups"]
    assert groups.keys() == held.keys() == {"sex", "age_band"}
    for level, one in held["sex"].items():
        live = groups["sex"][level]["metrics"]["uno_c"]["estimate"]
        assert live == pytest.approx(one["metrics"]["uno_c"]["estimate"], rel=1e-6)
    (gate,) = now["gates"]
    assert (gate["metric"], gate["state"]) == ("uno_c", "pass")
    words = performance_words(now)
    assert "By 1096 days: " in words
    assert "were not followed so far" in words
    assert "Uno" in words
    for title in ("AUROC", "Brier score", "Observed / expected"):
        assert words.index(f"  {title} at 365 days: ") < words.index(f"  {title} at 1,096 days: ")


def test_an_event_that_is_taken_back_is_a_correction_and_longer_follow_up_is_none(
    answered, tmp_path, monkeypatch
):
    platform, version, _, held_out, _ = answered
    monkeypatch.setattr(module, "REPLICATES", 2)
    outcomes(platform, version.id, data_folder("survival-sksurv"))
    day = platform.clock.now().date()
    days = {"since": (day - timedelta(days=2)).isoformat(), "until": day.isoformat()}

    outcomes(platform, version.id, until(tmp_path / "shorter", 100))  # as if all else was wrong

    told = live_performance(platform, version.id, **days)
    gone = int((held_out["target"].to_numpy() > 100).sum())
    assert told["coverage"]["corrected"] == gone
