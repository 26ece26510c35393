"""What an answer says of its signals reaches the monitor as columns, from where it lies sealed."""

import json
import math

import pytest

from bedside.core.clock import iso
from bedside.core.records.codes_seen import NOT_COUNTED
from bedside.core.records.ledger import LedgerDraft
from bedside.features.inputs import set_aside_note
from bedside.lifecycle.live_answers import AnswerReader
from bedside.lifecycle.watched_answers import read_day
from live_ward import FIRST, SERVER, a_built_workspace, a_ward


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    return a_ward(a_built_workspace(folder / "built"), folder / "w")


def recorded(ward, number, kind, outcome, *, sealed_codes=None, **more):
    """As the service seals an answer and what lies open of it."""
    details = {
        "prediction_id": f"said{number}", "model": ward.version.name, "version": ward.version.id,
        "bundle": ward.version.bundle, "stage": "silent", "as_of": iso(ward.clock.at),
        "input_digest": "d" * 64, "latency_ms": 3.0, "outcome": kind, "channel": "test",
        "caller": "t", "shown": False, **more,
    }  # fmt: skip
    sealed = {"subject": 90 + number, "request": "{}", "answer": {"outcome": outcome}}
    sealed |= {} if sealed_codes is None else {"codes": sealed_codes}
    return LedgerDraft(
        actor=SERVER, action="answer", details=details, sealed=json.dumps(sealed).encode(),
        subject=90 + number,
    )  # fmt: skip


def test_the_signal_of_an_abstention_and_one_that_was_set_aside_are_read(ward):
    signals = ward.bundle.declaration.signals
    lost, aside = (name for name, one in list(signals.items())[:2] if one.role == "input")
    missing = {"reason": "missing", "signal": lost, "text": "No value."}
    score = {"risk": 0.2, "threshold": 0.5, "alert": False}
    score["notes"] = [set_aside_note(signals[aside]), "Something else."]
    ward.clock.at = ward.on(0)

    entries = ward.platform.ledger.append_all(
        [
            recorded(ward, 1, "abstention", missing, reason="missing"),
            recorded(ward, 2, "score", score, sealed_codes="?\t\tLOINC//1-8"),
        ]
    )
    read = read_day(
        ward.platform, AnswerReader(ward.bundle), ward.version.id, FIRST.isoformat(),
        answers=[one.sequence for one in entries], labelled=(), known={}, binary=lambda _: math.nan,
    )  # fmt: skip

    assert read.answers.about.tolist() == [lost, ""]
    assert read.answers.aside.tolist() == ["", aside]
    assert read.answers.codes.tolist() == [NOT_COUNTED, "?\t\tLOINC//1-8"]  # of before, and now
