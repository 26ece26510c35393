"""Who was treated because alerted, from orders, interventions and feedback: counted by hand too."""

import json
import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bedside.cli.performance_words import performance_words
from bedside.cohorts.question import ask
from bedside.core.clock import iso
from bedside.core.ids import canonical_json, subject_pseudonym
from bedside.core.records.ledger import LedgerDraft
from bedside.governance.documents.about_monitoring import about_monitoring
from bedside.governance.documents.held import Held
from bedside.lifecycle.documents_monitoring import facts_of_monitoring
from bedside.lifecycle.interventions import find_interventions
from bedside.lifecycle.live_page import add_performance
from bedside.lifecycle.live_performance import live_performance
from bedside.lifecycle.live_watch import watch_live
from bedside.lifecycle.order_drafts import orders_of_call
from bedside.lifecycle.predictions import note
from bedside.lifecycle.respond import seen
from bedside.monitor.judged.windows import Window
from excisions import declared_with_excisions, with_excisions
from live_ward import FIRST, SERVER, a_built_workspace, a_ward

SYSTEM = "http://snomed.info/sct"

WHOLE = Window(since=FIRST, until=FIRST + timedelta(days=3))


@pytest.fixture(scope="module")
def declared(tmp_path_factory):
    return declared_with_excisions(tmp_path_factory.mktemp("declared") / "diagnosis", FIRST)


@pytest.fixture(scope="module")
def built(tmp_path_factory, declared):
    return a_built_workspace(tmp_path_factory.mktemp("built") / "w", declared, declared)


@pytest.fixture(scope="module")
def table(declared):
    return declared / "biopsies.parquet"


class Life:
    """Alerts of a day that were shown, of the next that were not, and what followed them."""

    def __init__(self, ward, table):
        self.ward, self.table = ward, pl.read_parquet(table)
        clean, _ = seen(ward.platform, ward.bundle.declaration, table)
        self.asked = ask(ward.bundle.declaration.question, clean).rows
        subjects = self.asked["subject_id"].to_list()
        self.case = dict(zip(subjects, _cases(self.table, ward, subjects), strict=True))
        shown, quiet = range(380), range(380, len(subjects))
        self.answers = ward.answer(1, shown, subjects=[subjects[r] for r in shown], shown=True)
        self.unshown = ward.answer(2, quiet, subjects=[subjects[r] for r in quiet])
        bar = ward.bundle.threshold
        self.alerts = [one for one in self.answers if ward.risk[one.row] >= bar]
        self.quiet_alerts = [one for one in self.unshown if ward.risk[one.row] >= bar]

    def data(self, path, hours):
        """The table with excisions: by subject, hours after the first day began."""
        done = [(self.case[subject], float(hour)) for subject, hour in hours]
        with_excisions(self.table, done).write_parquet(path)
        return path

    def orders(self, some, hour):
        """A call of order-sign about each of these patients, which the model did not score."""
        self.ward.clock.at = self.ward.on(1, hour)
        self.ward.platform.ledger.append_all(
            [_a_call(self.ward, f"call-{one.prediction_id}", one.subject) for one in some]
        )

    def accepts(self, some):
        for one in some:
            note(self.ward.platform, one.prediction_id, "accepted")


def _cases(table, ward, subjects):
    salt = ward.bundle.declaration.data.pseudonym_salt
    known = {subject_pseudonym(str(case), salt=salt): case for case in table["case"].to_list()}
    return [known[subject] for subject in subjects]


def _a_call(ward, name, subject):
    coding = {"coding": [{"system": SYSTEM, "code": "392021009"}]}
    order = {"resourceType": "ServiceRequest", "id": "1", "code": coding, "status": "draft"}
    call = {
        "hook": "order-sign", "hookInstance": "7f6f4a3e-5d0b-4c5e-9a36-0f7a6d7a4b11",
        "context": {
            "patientId": "p", "userId": "Practitioner/7",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]},
        },
    }  # fmt: skip
    details = {
        "prediction_id": name, "model": ward.version.name, "version": ward.version.id,
        "bundle": ward.version.bundle, "stage": "live", "as_of": iso(ward.clock.at),
        "input_digest": "d" * 64, "latency_ms": 3.0, "outcome": "abstention",
        "reason": "missing_input", "channel": "cds_hooks", "caller": "t", "shown": True,
    }  # fmt: skip
    sealed = {"subject": subject, "request": json.dumps(call), "answer": {"outcome": {}}}
    return LedgerDraft(
        actor=SERVER, action="answer", details=details, sealed=json.dumps(sealed).encode(),
        subject=subject,
    )  # fmt: skip


@pytest.fixture
def life(built, tmp_path, table):
    return Life(a_ward(built, tmp_path / "w", table), table)


def days():
    return {"since": FIRST.isoformat(), "until": (FIRST + timedelta(days=3)).isoformat()}


def told_of(life):
    return live_performance(life.ward.platform, "diagnosis", **days())


def test_who_was_treated_is_marked_by_feedback_orders_and_interventions_and_left_out(
    life, tmp_path
):
    alerts = life.alerts
    assert len(alerts) > 100
    excised, running, ordered = alerts[0::4], alerts[1::4], alerts[2::4]
    noon = 36.0  # of the second day
    hours = [(one.subject, noon + 2) for one in excised]
    hours += [(one.subject, noon - 3) for one in running]
    hours += [(one.subject, noon + 1) for one in running]
    hours += [(one.subject, noon + 24 + 5) for one in life.quiet_alerts[:20]]
    data = life.data(tmp_path / "d.parquet", hours)
    life.orders(ordered, 13.0)
    life.accepts(alerts[:60])
    came = [float(life.ward.label[one.row]) for one in life.answers]
    life.ward.came(3, life.answers, came)

    done = find_interventions(life.ward.platform, "diagnosis", data)
    again = find_interventions(life.ward.platform, "diagnosis", data)

    assert done.alerts == len(alerts) + len(life.quiet_alerts)
    assert done.followed == len(excised) + len(ordered) + 20
    assert (done.open, done.unmatched, again.noted) == (0, 0, 0)
    assert done.noted == done.alerts
    told = told_of(life)
    by = {one.prediction_id: {"feedback"} for one in alerts[:60]}
    for some, kind in ((excised, "treatment"), (ordered, "order")):
        for one in some:
            by.setdefault(one.prediction_id, set()).add(kind)
    patients = told["treated"]["patients"]
    for kind in ("feedback", "order", "treatment"):
        assert patients[kind] == sum(kinds == {kind} for kinds in by.values())
    assert patients["several"] == sum(len(kinds) > 1 for kinds in by.values())
    assert patients["nobody"] == len(life.answers) - len(by)
    left = [one for one in life.answers if one.prediction_id not in by]
    assert told["care"]["not_acted"]["metrics"]["brier"]["n"] == len(left)
    assert told["care"]["all"]["metrics"]["brier"]["n"] == len(life.answers)
    excision = told["treated"]["interventions"]["excised"]
    assert excision["alerts"]["running"] == len(running)
    assert excision["followed"]["estimate"] == pytest.approx(
        len(excised) / (len(alerts) - len(running))
    )
    assert excision["unshown"]["estimate"] == pytest.approx(20 / len(life.quiet_alerts))
    assert excision["hours"]["estimate"] == 2.0
    order = told["treated"]["interventions"]["ordered"]
    assert order["hours"]["estimate"] == 1.0
    assert order["followed"]["estimate"] == pytest.approx(len(ordered) / len(alerts))
    accepted = [one for one in alerts[:60] if one not in running]
    share = np.mean([one in excised for one in accepted])
    assert excision["of_accepted"]["estimate"] == pytest.approx(share)
    words = performance_words(told)
    assert f"an order alone: {patients['order']}" in words
    assert "excision, within 6 h: it followed 0." in words


def test_what_is_not_seen_yet_is_open_and_what_is_taken_back_counts_no_more(life, tmp_path):
    some = life.alerts[:30]
    data = life.data(tmp_path / "d.parquet", [(one.subject, 38.0) for one in some])
    life.ward.clock.at = life.ward.on(1, 14.5)  # done at 14:00, and seen at 15:00

    before = find_interventions(life.ward.platform, "diagnosis", data)
    life.ward.clock.at = life.ward.on(1, 15.0)
    seen_now = find_interventions(life.ward.platform, "diagnosis", data)
    life.ward.clock.at = life.ward.on(4)
    after = find_interventions(life.ward.platform, "diagnosis", life.data(data, []))

    assert (before.followed, before.noted) == (0, 0)
    assert before.open > 0
    assert (seen_now.followed, seen_now.noted) == (30, 30)
    assert after.followed == 0
    assert after.settled == after.alerts
    assert told_of(life)["treated"]["patients"] == {
        "feedback": 0, "order": 0, "treatment": 0, "several": 0, "nobody": 380,
    }  # fmt: skip


def test_the_day_that_is_watched_and_its_page_know_it_too(life, tmp_path):
    some = life.alerts[:40]
    data = life.data(tmp_path / "d.parquet", [(one.subject, 37.0) for one in some])
    life.ward.clock.at = life.ward.on(2, 20.0)
    find_interventions(life.ward.platform, "diagnosis", data)
    life.ward.came(2, life.answers)
    life.ward.clock.at = life.ward.on(5)

    page = Path(watch_live(life.ward.platform, "diagnosis").page)
    add_performance(life.ward.platform, page, told_of(life))

    text = page.read_text()
    assert "Patients treated because alerted, of those shown something, by" in text
    assert "an intervention alone: 40" in text
    assert "<th>after alerts that nobody was shown</th>" in text
    assert re.search(r"<td>excision, within 6 h</td><td>\d+ % \(\d+ % to \d+ %\)</td>", text)
    report = json.loads(page.with_suffix(".json").read_text())
    assert [one["n"] for one in report["care"] if one["care"] == "acted"] == [40]
    assert report["performance"]["treated"]["patients"]["treatment"] == 40

    facts = facts_of_monitoring(life.ward.platform, life.ward.version, WHOLE)
    held = Held(file="monitored.json", told=json.loads(canonical_json(facts)))
    (document,) = [one for one in about_monitoring(held) if one.name == "periodic_monitoring"]
    lines = {line.label: line.text for item in document.items for line in item.lines}
    name = life.ward.version.id
    assert "by an intervention alone: 40" in lines[f"{name}: patients treated because alerted"]
    assert "hours after 1.000" in lines[f"{name}: excision within 6 h"]


def test_nothing_small_is_told(life, tmp_path):
    some = life.alerts[:5]
    data = life.data(tmp_path / "d.parquet", [(one.subject, 37.0) for one in some])
    life.ward.clock.at = life.ward.on(4)
    find_interventions(life.ward.platform, "diagnosis", data)

    treated = told_of(life)["treated"]

    assert treated["patients"]["treatment"] is None
    one = treated["interventions"]["excised"]
    assert one["followed"]["estimate"] is None
    assert one["hours"]["estimate"] is None
    assert one["alerts"]["followed"] is None


def test_of_what_is_only_picked_and_of_what_is_no_call_no_order_is_read():
    entry = {
        "resourceType": "MedicationRequest", "id": "a",
        "medicationCodeableConcept": {"coding": [{"system": SYSTEM, "code": "1"}]},
    }  # fmt: skip
    call = {
        "hook": "order-select", "hookInstance": "7f6f4a3e-5d0b-4c5e-9a36-0f7a6d7a4b11",
        "context": {
            "patientId": "p", "selections": ["MedicationRequest/a"],
            "draftOrders": {
                "resourceType": "Bundle", "entry": [{"resource": entry},
                {"resource": entry | {"id": "b"}}],
            },
        },
    }  # fmt: skip

    assert orders_of_call(json.dumps(call)) == [("SNOMED//1", False)]
    assert orders_of_call(json.dumps(call | {"hook": "order-sign"})) == [("SNOMED//1", True)] * 2
    assert orders_of_call("MSH|^~") == []
    assert orders_of_call(json.dumps(call | {"hook": "patient-view"})) == []
