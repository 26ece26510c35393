"""A time until an event judged live: the evaluation's own figures, once follow-up has come in."""

import json
from datetime import timedelta

import numpy as np
import pytest

from bedside.cli.performance_words import performance_words
from bedside.cohorts.question import ask
from bedside.cohorts.splits import side_of
from bedside.core.clock import iso
from bedside.core.records.bundle import EVIDENCE, FEATURES, MODEL
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.core.records.version import Stage
from bedside.features.definition import feature_set_from_json
from bedside.lifecycle import live_performance as module
from bedside.lifecycle.build import build
from bedside.lifecycle.cohort import build_features
from bedside.lifecycle.live_performance import live_performance
from bedside.lifecycle.predictions import outcomes
from bedside.lifecycle.release import approve, open_bundle, release
from bedside.lifecycle.respond import seen
from bedside.metrics.survival.concordance import harrell_c
from bedside.usecases import folder_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from data_folder import data_folder

HORIZONS = (365.0, 1096.0)
SERVER = Actor(name="service:bedside", purpose="care")
EDITS = (
    ("kind: ensemble\n  members: [{kind: additive_cox}, {kind: boosted_cox}]", "kind: cox"),
    ("  folds: 5\n", "  bootstrap: 100\n"),
    ("\nchannels:", "\ngates:\n  - {metric: uno_c, at_least: 0.55, bound: estimate}\n\nchannels:"),
)


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """Answers about the held-out patients of a built version, of whom nothing is known yet."""
    folder = tmp_path_factory.mktemp("survival")
    data = data_folder("survival-sksurv")
    declared = (folder_of("heart_attack_survival") / "bedside.yaml").read_text()
    for old, new in EDITS:
        assert declared.count(old) == 1, old
        declared = declared.replace(old, new)
    (folder / "model").mkdir()
    (folder / "model" / "bedside.yaml").write_text(declared)
    actor = actor_of("user:ada", "quality and safety")
    platform = open_workspace(folder / "w", actor=actor, progress=LineProgress())
    built = build(platform, folder / "model", data)
    approve(platform, built.version.id, name="Dr Ada", meaning="fit for silent use")
    version = release(platform, built.version.id, Stage.SILENT)
    bundle = open_bundle(platform, version)
    clean, _ = seen(platform, bundle.declaration, data)
    asked = ask(bundle.declaration.question, clean).rows
    features = feature_set_from_json(bundle.files[FEATURES])
    matrix = build_features(features, clean, asked, lambda _: None)
    split = bundle.declaration.evaluation.split
    rows = [at for at, one in enumerate(asked["subject_id"].to_list())
            if side_of(one, split) == "held_out"]  # fmt: skip
    predictor = platform.predictor_of(bundle.files[MODEL])
    told = predictor.outputs(matrix[rows])
    drafts = [
        _answer(version, f"p{at}", asked.row(row, named=True), told[at],
                dict(zip(features.names, matrix[row].tolist(), strict=True)))
        for at, row in enumerate(rows)
    ]  # fmt: skip
    platform.ledger.append_all(drafts)
    held_out = asked[rows]
    return platform, version, bundle, held_out, told


def _answer(version, name, row, outputs, features):
    risk = float(outputs[-1])
    sealed = {
        "subject": row["subject_id"],
        "features": {key: None if np.isnan(value) else value for key, value in features.items()},
        "answer": {
            "outcome": {
                "risk": risk, "threshold": None, "alert": False,
                "outputs": [[str(at), float(one)] for at, one in enumerate(outputs)],
            }
        },
    }  # fmt: skip
    details = {
        "prediction_id": name, "model": version.name, "version": version.id,
        "bundle": version.bundle, "stage": "silent", "as_of": iso(row["prediction_time"]),
        "input_digest": "d" * 64, "latency_ms": 3.0, "outcome": "score", "channel": "test",
        "caller": "t", "shown": False,
    }  # fmt: skip
    return LedgerDraft(
        actor=SERVER, action="answer", details=details, sealed=json.dumps(sealed).encode(),
        subject=row["subject_id"],
    )  # fmt: skip


def until(folder, days):
    """The same data as they were when nobody had been followed longer than this."""
    lines = (data_folder("survival-sksurv") / "whas500.arff").read_text().splitlines()
    made = []
    for line in lines:
        cells = line.split(",")
        longer = len(cells) == 16 and float(cells[14]) > days
        made.append(",".join([*cells[:14], str(days), "0"]) if longer else line)
    folder.mkdir()
    (folder / "whas500.arff").write_text("\n".join(made) + "\n")
    return folder


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
