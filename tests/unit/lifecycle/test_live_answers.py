"""Live answers are read from the ledger as they were answered, and from older entries as well."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bedside.core.clock import FixedClock
from bedside.core.records.bundle import FEATURES, Bundle, GroupThreshold
from bedside.core.records.declaration import Subgroup
from bedside.core.records.ledger import Actor
from bedside.features.definition import expand, feature_set_to_json
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
from bedside.lifecycle.live_answers import answers_of
from served import NOW, a_declaration, hours_ago

NURSE = Actor(name="server", purpose="care")
VERSION = "sepsis@abababababab"


@dataclass
class Ward:
    """The two ports that are read."""

    ledger: SqlLedger
    predictions: SqlPredictions
    clock: FixedClock

    def answered(self, name: str, sealed: dict[str, Any], *, subject: int = 7, **told: Any) -> None:
        details = {
            "prediction_id": name, "version": VERSION, "bundle": "ab" * 32, "stage": "live",
            "as_of": "2026-03-01T12:00:00.000000Z", "input_digest": name, "latency_ms": 4.0,
            "outcome": "score", "channel": "test", "caller": "t", "shown": True,
        }  # fmt: skip
        content = json.dumps(sealed).encode()
        self.ledger.append(NURSE, "answer", details | told, sealed=content, subject=subject)

    def came(self, name: str, value: float) -> None:
        details = {"prediction_id": name, "kind": "outcome"}
        content = json.dumps({"value": value}).encode()
        self.ledger.append(NURSE, "prediction.note", details, sealed=content, subject=7)


@pytest.fixture
def ward(tmp_path):
    engine, clock = open_database(tmp_path / "w.sqlite"), FixedClock(NOW)
    ledger = SqlLedger(
        engine, writing=writing, clear=clear_traces, clock=clock, sealing_key=bytes(32),
        signing_key=Ed25519PrivateKey.generate(),
    )  # fmt: skip
    return Ward(ledger, SqlPredictions(engine), clock)


def a_bundle():
    declaration = a_declaration()
    groups = {"sex": Subgroup(signal="sex"), "age": Subgroup(signal="age", edges=(50.0, 70.0))}
    declaration = replace(declaration, evaluation=replace(declaration.evaluation, subgroups=groups))
    features = expand(declaration)
    at = features.names.index("sex.last")
    return Bundle(
        digest="ab" * 32, declaration=declaration, threshold=0.3,
        group_thresholds=(GroupThreshold(column=at, value=1.0, threshold=0.8),),
        files={FEATURES: feature_set_to_json(features)},
    )  # fmt: skip


def as_now(risk: float, threshold: float | None = 0.3) -> dict[str, Any]:
    score = {
        "risk": risk, "threshold": threshold, "alert": threshold is not None and risk >= threshold,
        "outputs": [["risk", risk]],
    }  # fmt: skip
    return {"answer": {"outcome": score}, "request": "{}", "features": {}}


def test_a_score_is_read_as_it_was_answered_with_what_came_true(ward):
    ward.answered("p1", as_now(0.4))
    ward.came("p1", 0.0)
    ward.came("p1", 1.0)

    (one,) = answers_of(ward, VERSION, a_bundle())

    assert (one.risk, one.threshold, one.alert, one.outputs) == (0.4, 0.3, True, (0.4,))
    assert one.label == 1.0, "the newest outcome counts"
    assert one.subject is not None


def test_an_answer_of_an_earlier_bedside_alerts_by_the_threshold_of_its_own_group(ward):
    names = a_bundle().declaration.signals["sex"].categories
    assert list(names.values())[1] == "male"
    ward.answered("p1", {"risk": 0.5, "features": {"sex.last": 0.0, "age.last": 49.0}})
    ward.answered("p2", {"risk": 0.5, "features": {"sex.last": 1.0, "age.last": 70.0}})

    first, second = answers_of(ward, VERSION, a_bundle())

    assert (first.threshold, first.alert) == (0.3, True)
    assert (second.threshold, second.alert) == (0.8, False)
    assert dict(first.groups) == {"sex": "female", "age": "under 50"}
    assert dict(second.groups) == {"sex": "male", "age": "70 and over"}


def test_versions_that_answer_the_same_request_answer_one_question(ward):
    ward.answered("p1", as_now(0.4))
    ward.answered("p2", as_now(0.6), version="sepsis@cdcdcdcdcdcd")
    ward.answered("p3", as_now(0.4), as_of="2026-03-01T13:00:00.000000Z")

    mine, later = answers_of(ward, VERSION, a_bundle())
    (theirs,) = answers_of(ward, "sepsis@cdcdcdcdcdcd", a_bundle())

    assert mine.question == theirs.question
    assert mine.question != later.question


def test_who_was_erased_still_counts_as_an_answer_and_as_nothing_more(ward):
    ward.answered("p1", as_now(0.4))
    ward.came("p1", 1.0)
    ward.ledger.forget(7)

    (one,) = answers_of(ward, VERSION, a_bundle())

    assert (one.outcome, one.risk, one.label, one.subject) == ("score", None, None, None)
    assert not one.is_judged


def test_what_lies_open_is_read_without_opening_anything(ward):
    ward.answered("p1", as_now(0.4), outcome="failure", code="model_failed")
    ward.ledger.unseal_all = None

    (one,) = answers_of(ward, VERSION)

    assert (one.outcome, one.reason, one.latency_ms, one.risk) == (
        "failure", "model_failed", 4.0, None,
    )  # fmt: skip


def test_only_what_came_since_then_is_read(ward):
    ward.clock.at = hours_ago(2)
    ward.answered("p1", as_now(0.4))
    ward.clock.at = NOW
    ward.answered("p2", as_now(0.4))

    found = answers_of(ward, VERSION, since=hours_ago(1).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))

    assert [one.prediction_id for one in found] == ["p2"]
