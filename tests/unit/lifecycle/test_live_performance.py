"""Live predictions judged by what came true: every figure against a recomputation from scratch."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from bedside.cli.performance_words import performance_words
from bedside.core.clock import iso
from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.ledger import LedgerDraft
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle import live_performance as module
from bedside.lifecycle.live_page import add_performance
from bedside.lifecycle.live_performance import live_performance
from bedside.lifecycle.live_watch import watch_live
from live_ward import FIRST, SERVER, Ward, a_built_workspace, a_ward

DAYS, EACH = 20, 40


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return a_built_workspace(tmp_path_factory.mktemp("built") / "w")


@pytest.fixture
def ward(built, tmp_path):
    return a_ward(built, tmp_path / "w")


class Life:
    """What a ward lived through, kept beside the ledger, so that a test can count it itself."""

    def __init__(self, ward, seed=3):
        self.ward, self.random = ward, np.random.default_rng(seed)
        self.asked, self.day, self.label = [], {}, {}
        self.acted, self.shown = set(), set()

    def lives(self, days=DAYS, each=EACH, *, shown=lambda day: day >= 5):
        for day in range(days):
            rows = self.random.integers(0, len(self.ward.risk), each)
            whose = [20_000 + int(row) % 400 for row in rows]
            some = self.ward.answer(day, rows.tolist(), subjects=whose, shown=shown(day))
            self.asked += some
            self.day |= {one.prediction_id: day for one in some}
            if shown(day):
                self.shown |= {one.prediction_id for one in some}
        return self

    def comes(self, some, day, *, wrong=0.15):
        """Outcomes that are not always those of the biopsy, so that figures are not perfect."""
        told = [
            float(1 - self.ward.label[one.row])
            if self.random.random() < wrong
            else float(self.ward.label[one.row])
            for one in some
        ]
        self.ward.came(day, some, told)
        self.label |= {one.prediction_id: value for one, value in zip(some, told, strict=True)}

    def says(self, one, kind, *, code=None, action="feedback"):
        if action == "feedback":
            details = {"service": "s", "card": one.prediction_id, "outcome": kind, "at": "x"}
            details |= {"commented": True} | ({} if code is None else {"override": code})
            sealed = json.dumps({"userComment": "SECRET FREE TEXT"}).encode()
        else:
            details = {"prediction_id": one.prediction_id, "kind": kind}
            sealed = b"{}"
        self.ward.platform.ledger.append_all(
            [
                LedgerDraft(
                    actor=SERVER, action=action, details=details, sealed=sealed, subject=one.subject
                )
            ]
        )
        if kind in ("accepted", "acted") and one.prediction_id in self.shown:
            self.acted.add(one.prediction_id)

    def says_when(self, one, event):
        """That the outcome came, and when."""
        details = {"prediction_id": one.prediction_id, "kind": "outcome"}
        sealed = json.dumps({"value": 1.0, "event_at": iso(event)}).encode()
        draft = LedgerDraft(
            actor=SERVER, action="prediction.note", details=details, sealed=sealed,
            subject=one.subject,
        )  # fmt: skip
        self.ward.platform.ledger.append_all([draft])

    def judged(self, keep=lambda one: True):
        """Label, risk and whether it alerted, of the answers that are known."""
        some = [one for one in self.asked if one.prediction_id in self.label and keep(one)]
        label = np.array([self.label[one.prediction_id] for one in some])
        risk = np.array([self.ward.risk[one.row] for one in some])
        return label, risk, risk >= self.ward.bundle.threshold

    def told(self, **which):
        return live_performance(self.ward.platform, "diagnosis", **which)


def all_days():
    return {"since": FIRST.isoformat(), "until": (FIRST + timedelta(days=DAYS)).isoformat()}


def test_figures_are_those_of_a_recomputation_and_late_and_corrected_outcomes_count(ward):
    life = Life(ward).lives()
    life.comes(life.asked[:600], DAYS)
    life.comes(life.asked[:60], DAYS + 2)  # told again, some otherwise
    ward.clock.at = ward.on(DAYS, 20.0) + timedelta(days=3)

    told = life.told(**all_days())

    label, risk, alert = life.judged()
    metrics = told["care"]["all"]["metrics"]
    assert metrics["auroc"]["estimate"] == pytest.approx(roc_auc_score(label, risk))
    assert metrics["brier"]["estimate"] == pytest.approx(brier_score_loss(label, risk))
    assert metrics["sensitivity"]["estimate"] == pytest.approx(alert[label == 1].mean())
    assert metrics["ppv"]["estimate"] == pytest.approx(label[alert].mean())
    bar = ward.bundle.threshold
    benefit = (alert & (label == 1)).mean() - (alert & (label == 0)).mean() * bar / (1 - bar)
    assert told["net_benefit"]["estimate"] == pytest.approx(benefit)
    observed = told["calibration"]["observed_expected"]
    assert observed["estimate"] == pytest.approx(label.sum() / risk.sum())
    assert observed["low"] < observed["estimate"] < observed["high"]
    assert told["coverage"]["judged"] == 600
    assert told["coverage"]["scores"] == DAYS * EACH
    assert told["coverage"]["share"] == pytest.approx(0.75)


def test_days_of_predictions_are_chosen_and_not_days_of_outcomes(ward):
    life = Life(ward).lives()
    life.comes(life.asked, DAYS + 20)
    ward.clock.at = ward.on(DAYS + 21)

    first, last = FIRST + timedelta(days=3), FIRST + timedelta(days=9)
    told = life.told(since=first.isoformat(), until=last.isoformat())

    label, risk, _ = life.judged(lambda one: 3 <= life.day[one.prediction_id] <= 9)
    assert told["care"]["all"]["metrics"]["auroc"]["n"] == len(label) == 7 * EACH
    assert told["care"]["all"]["metrics"]["auroc"]["estimate"] == pytest.approx(
        roc_auc_score(label, risk)
    )
    month = life.told(month=FIRST.isoformat()[:7])
    assert month["coverage"]["judged"] == DAYS * EACH
    (point,) = month["calibration"]["by_month"]
    label, risk, _ = life.judged()
    assert (point["month"], point["n"]) == (FIRST.isoformat()[:7], len(label))
    assert point["estimate"] == pytest.approx(label.sum() / risk.sum())


def test_whom_staff_acted_on_and_whom_nobody_saw_are_told_apart_by_patient(ward):
    life = Life(ward).lives(shown=lambda day: day % 2 == 0)
    life.comes(life.asked, DAYS)
    alerts = [
        one
        for one in life.asked
        if one.prediction_id in life.shown and ward.risk[one.row] >= ward.bundle.threshold
    ]
    for one in alerts[:60]:
        life.says(one, "acted", action="prediction.note")
    ward.clock.at = ward.on(DAYS, 20.0)

    told = life.told(**all_days())["care"]

    acted = {one.subject for one in life.asked if one.prediction_id in life.acted}
    seen = {one.subject for one in life.asked if one.prediction_id in life.shown}
    for name, out in (("not_acted", acted), ("not_shown", seen)):
        label, risk, _ = life.judged(lambda one, out=out: one.subject not in out)
        assert told[name]["metrics"]["auroc"]["estimate"] == pytest.approx(
            roc_auc_score(label, risk)
        )
        assert told[name]["metrics"]["brier"]["n"] == len(label)
    assert told["not_acted"]["with_outcome"] < told["all"]["with_outcome"]


def test_nothing_is_told_by_which_the_few_on_whom_staff_acted_could_be_found(ward):
    life = Life(ward).lives()
    life.comes(life.asked, DAYS)
    (one,) = [one for one in life.asked if one.prediction_id in life.shown][:1]
    life.says(one, "acted", action="prediction.note")
    ward.clock.at = ward.on(DAYS, 20.0)

    told = life.told(**all_days())["care"]["not_acted"]

    assert told["metrics"] == {}
    assert told["subjects"] is None


def test_feedback_is_counted_once_by_coded_reason_and_free_text_is_never_read(ward):
    life = Life(ward).lives()
    shown = [one for one in life.asked if one.prediction_id in life.shown]
    for one in shown[:100]:
        life.says(one, "overridden", code="already-treated")
    for one in shown[:40]:
        life.says(one, "accepted")  # the last word counts
    for one in shown[100:103]:
        life.says(one, "overridden", code="rare")
    for one in shown[103:130]:
        life.says(one, "overridden")
    ward.clock.at = ward.on(DAYS, 20.0)

    told = life.told(**all_days())

    feedback = told["feedback"]
    assert feedback["acceptance"]["estimate"] == pytest.approx(40 / 130)
    reasons = {one["code"]: one["n"] for one in feedback["reasons"]}
    assert reasons["rare"] is None
    assert reasons["already-treated"] >= 60
    assert reasons["no coded reason"] >= 27
    shown_alerts = [one for one in shown if ward.risk[one.row] >= ward.bundle.threshold]
    answered = {one.prediction_id for one in shown[:130]}
    share = np.mean([one.prediction_id in answered for one in shown_alerts])
    assert feedback["answered"]["estimate"] == pytest.approx(share)
    assert "SECRET" not in json.dumps(told)


def test_the_burden_is_of_alerts_that_were_shown(ward):
    life = Life(ward).lives()
    life.comes(life.asked, DAYS)
    ward.clock.at = ward.on(DAYS - 1, 20.0)

    told = life.told(**all_days())["burden"]

    shown = [one for one in life.asked if one.prediction_id in life.shown]
    alerts = [one for one in shown if ward.risk[one.row] >= ward.bundle.threshold]
    days = {(one.subject, life.day[one.prediction_id]) for one in shown}
    figures = {name: one["estimate"] for name, one in told["figures"].items()}
    assert told["of"] == "shown"
    assert told["alerts"] == len(alerts)
    assert figures["alerts_per_day"] == pytest.approx(len(alerts) / DAYS)
    assert figures["alerts_per_patient_day"] == pytest.approx(len(alerts) / len(days))
    assert figures["alerts_per_100_answers"] == pytest.approx(100 * len(alerts) / len(shown))
    false = np.mean([life.label[one.prediction_id] == 0 for one in alerts])
    assert figures["false_alert_share"] == pytest.approx(false)


def test_lead_time_is_from_the_first_shown_alert_to_the_event_where_it_is_known(ward):
    life = Life(ward).lives(shown=lambda day: True)
    assert life.told(**all_days())["lead"]["median_hours"] is None
    bar = ward.bundle.threshold
    alerted = [one for one in life.asked if ward.risk[one.row] >= bar]
    missed = [one for one in life.asked if ward.risk[one.row] < bar][:40]
    for one in [*alerted, *missed]:
        event = ward.on(life.day[one.prediction_id]) + timedelta(hours=30)
        life.says_when(one, event)
    ward.clock.at = ward.on(DAYS, 20.0)

    told = life.told(**all_days())["lead"]

    found = {(one.subject, life.day[one.prediction_id]) for one in alerted}
    every = found | {(one.subject, life.day[one.prediction_id]) for one in missed}
    assert (told["events"], told["with_alert"]) == (len(every), len(found))
    assert told["median_hours"]["estimate"] == pytest.approx(30.0)


def test_who_was_erased_is_in_no_figure(ward):
    life = Life(ward).lives()
    life.comes(life.asked, DAYS)
    gone = {one.subject for one in life.asked[:30]}
    for subject in gone:
        ward.platform.ledger.forget(subject)
    ward.clock.at = ward.on(DAYS, 20.0)

    told = life.told(**all_days())

    label, risk, _ = life.judged(lambda one: one.subject not in gone)
    assert told["care"]["all"]["metrics"]["auroc"]["estimate"] == pytest.approx(
        roc_auc_score(label, risk)
    )
    erased = sum(one.subject in gone for one in life.asked)
    assert told["coverage"]["not_judged"]["erased"] == erased


def test_one_class_only_an_empty_window_and_a_constant_score_tell_no_figure_that_is_none(ward):
    life = Life(ward).lives()
    sick = [one for one in life.asked if ward.label[one.row] == 1]
    life.ward.came(DAYS, sick)
    ward.clock.at = ward.on(DAYS, 20.0)

    one_class = life.told(**all_days())
    empty = life.told(since="2026-01-01", until="2026-01-20")

    assert one_class["care"]["all"]["metrics"] == {}
    assert {one["state"] for one in one_class["gates"]} == {"not yet"}
    assert any("performance" in line for line in one_class["unknown"])
    assert empty["coverage"]["scores"] == 0
    assert empty["unknown"] == ["everything: no score was given on these days"]
    assert {one["state"] for one in empty["gates"]} == {"not yet"}


def test_a_constant_score_ranks_nobody(ward):
    life = Life(ward)
    row = int(np.argmax(ward.risk))
    some = ward.answer(0, [row] * 200, shown=True)
    life.asked = some
    ward.came(1, some, [float(place % 2) for place in range(200)])
    ward.clock.at = ward.on(2)

    told = life.told(since=FIRST.isoformat(), until=FIRST.isoformat())

    metrics = told["care"]["all"]["metrics"]
    assert metrics["auroc"]["estimate"] == pytest.approx(0.5)
    assert metrics["ppv"]["estimate"] == pytest.approx(0.5)
    assert next(one for one in told["gates"] if one["metric"] == "auroc")["state"] == "fail"


def test_wards_and_sites_that_a_message_names_are_told_apart(ward, monkeypatch):
    plain = Ward._draft

    def of_a_ward(self, one, subject, row, risk, shown):
        draft = plain(self, one, subject, row, risk, shown)
        where = "ICU" if (subject or 0) % 2 else "MED"
        message = f"MSH|^~\\&|LAB|NORTH|BEDSIDE|X\rPID|1\rPV1|1|I|{where}^12^1"
        sealed = opened_answer(draft.sealed) | {"request": message}
        return replace(draft, sealed=json.dumps(sealed).encode())

    monkeypatch.setattr(Ward, "_draft", of_a_ward)
    life = Life(ward).lives()
    life.comes(life.asked, DAYS)
    ward.clock.at = ward.on(DAYS, 20.0)

    told = life.told(**all_days())["subgroups"]

    label, risk, _ = life.judged(lambda one: one.subject % 2 == 1)
    assert told["ward"]["ICU"]["metrics"]["auroc"]["estimate"] == pytest.approx(
        roc_auc_score(label, risk)
    )
    assert set(told["ward"]) == {"ICU", "MED"}
    assert set(told["site"]) == {"NORTH"}


def test_estimates_come_before_outcomes_and_are_held_against_what_came_true(ward):
    life = Life(ward).lives()
    ward.clock.at = ward.on(DAYS, 20.0)

    before = life.told(**all_days())
    life.comes(life.asked, DAYS, wrong=0.0)
    after = life.told(**all_days())

    assert before["care"]["all"]["metrics"] == {}
    figures = before["estimates"]["figures"]
    assert set(figures) >= {"auroc", "brier", "observed_expected"}
    assert all(one["low"] <= one["value"] <= one["high"] for one in figures.values())
    assert before["tracked"] == {}
    assert after["tracked"]["auroc"]["n"] >= 1
    assert canonical_json(after)


def test_the_page_of_the_run_shows_it_and_every_name_from_outside_is_escaped(ward, monkeypatch):
    plain = Ward._draft

    def of_a_ward(self, *told):
        draft = plain(self, *told)
        sealed = opened_answer(draft.sealed) | {"request": "MSH|^~|L|<i>N|B|\rPV1|1|I|<b>ICU"}
        return replace(draft, sealed=json.dumps(sealed).encode())

    monkeypatch.setattr(Ward, "_draft", of_a_ward)
    life = Life(ward).lives(8)
    life.comes(life.asked, 8, wrong=0.3)
    ward.clock.at = ward.on(9, 2.0)
    watched = watch_live(ward.platform, "diagnosis")
    told = life.told()

    add_performance(ward.platform, Path(watched.page), told)

    page = Path(watched.page).read_text()
    assert "What came true, of the predictions from" in page
    assert "3 gates of the release are broken" in page
    assert "&lt;b&gt;ICU" in page
    assert "<b>ICU" not in page
    assert json.loads(Path(watched.page).with_suffix(".json").read_bytes())["performance"] == told
    words = performance_words(told)
    assert "✗ Gate of the release: AUROC" in words
    assert "100% can be judged" in words


def test_a_run_does_not_open_more_answers_by_itself_than_it_may(ward, monkeypatch):
    Life(ward).lives(3)
    ward.clock.at = ward.on(3)
    monkeypatch.setattr(module, "MOST_BY_ITSELF", 3 * EACH - 1)

    told = live_performance(ward.platform, "diagnosis", by_itself=True)

    assert "bedside monitor diagnosis --window 28d" in told["left_out"]
    assert performance_words(told).startswith("? Predictions of")


def test_a_window_that_is_none_is_refused(ward):
    turned = {"since": "2026-03-05", "until": "2026-03-01"}
    for which in ({"window": "5 h"}, {"month": "2026-13"}, turned):
        with pytest.raises(Invalid):
            live_performance(ward.platform, "diagnosis", **which)
