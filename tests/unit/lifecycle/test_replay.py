"""A replay gets an answer to every question, or says how many it did not get."""

import threading
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, Refused
from bedside.core.records.ledger import Actor
from bedside.core.records.version import ModelVersion, Stage
from bedside.interop.open_inference.metadata import inputs_of
from bedside.lifecycle.replay import Questions, Replaying, replay
from bedside.lifecycle.replay_history import inputs_by_code
from bedside.lifecycle.replay_tally import Heard, heard
from served import NOW, MemoryLedger, a_declaration

VERSION = ModelVersion(
    id="sepsis@1", name="sepsis", bundle="b", stage=Stage.LIVE, built_at="2026", gates=()
)
SCORE = Heard(outcome="score", alert=True, version="sepsis@1")


@dataclass
class Platform:
    """What a replay asks of a workspace."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    actor: Actor = Actor(name="t", purpose="test")  # noqa: RUF009
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    said: list[str] = field(default_factory=list)

    @property
    def progress(self):
        return self

    def note(self, text):
        self.said.append(text)


def questions(count=40, step=timedelta(hours=1)):
    at = datetime(2000, 1, 1, tzinfo=UTC)
    moments = [(n % 4, at + (n // 4) * step) for n in range(count)]
    events = [(n, at, at, "LOINC//8867-4", 80.0) for n in range(4)]
    frame = pl.DataFrame(
        events, schema=["subject_id", "time", "known_at", "code", "value"], orient="row"
    )
    return Questions(
        version=VERSION,
        moments=pl.DataFrame(moments, schema=["subject_id", "prediction_time"], orient="row"),
        events=frame,
        inputs=inputs_by_code(inputs_of(a_declaration())),
        name=lambda subject, moment: f"{subject} {moment}",
    )


def test_every_question_is_asked_once_in_the_order_of_time_and_the_ledger_is_told():
    platform, asked = Platform(), []

    def ask(body):
        asked.append(body)
        return SCORE

    done = replay(platform, questions(), Replaying(concurrency=1), lambda: nullcontext(ask))

    assert asked == [one.body for one in questions()]
    assert done.is_whole
    assert (done.outcomes, done.alerts, done.subjects) == ({"score": 40}, 40, 4)
    assert [one.answers for one in done.versions] == [40]
    kept = [(entry.action, entry.details) for entry in platform.ledger.entries()]
    assert [action for action, _ in kept] == ["replay.start", "replay.stop"]
    assert kept[-1][1]["answered_count"] == 40


def test_a_broken_connection_and_a_busy_server_are_asked_again_in_the_same_bytes():
    lock, asked = threading.Lock(), {}

    def ask(body):
        with lock:
            asked[body] = asked.get(body, 0) + 1
            return {1: None, 2: heard(503, b"{}", 0.0)}.get(asked[body], SCORE)

    done = replay(Platform(), questions(), Replaying(), lambda: nullcontext(ask))

    assert done.is_whole
    assert done.repeated == 80
    assert set(asked.values()) == {3}


def test_a_server_that_stays_away_ends_the_replay_which_says_what_is_missing():
    done = replay(
        Platform(), questions(), Replaying(patience=0.2), lambda: nullcontext(lambda _: None)
    )

    assert not done.is_whole
    assert done.answered == 0
    assert 1 <= done.unanswered <= 16


def test_a_server_that_takes_no_question_at_all_is_told_as_it_said():
    refusal = Refused("No.", fix="give the token.")

    def ask(_body):
        raise refusal

    with pytest.raises(Refused) as raised:
        replay(Platform(), questions(), Replaying(), lambda: nullcontext(ask))

    assert raised.value is refusal


def test_a_speed_is_kept_and_every_connection_is_closed():
    opened, closed = [], []

    @contextmanager
    def connect():
        opened.append(1)
        yield lambda _: SCORE
        closed.append(1)

    done = replay(
        Platform(), questions(8), Replaying(speed=3600 / 0.3, concurrency=3), connect
    )  # two moments, an hour apart: 0.3 s

    assert done.seconds >= 0.3
    assert done.behind_s < 0.3
    assert len(opened) == len(closed) == 3


@pytest.mark.parametrize("wrong", [{"speed": 0.0}, {"concurrency": 0}, {"patients": 0}])
def test_a_replay_that_would_ask_nothing_is_refused(wrong):
    with pytest.raises(Invalid):
        Replaying(**wrong)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"outputs": [{"name": "outcome", "data": ["withheld"]}]}', "withheld"),
        (200, b"", "failure: not an answer"),
        (200, b'{"outputs": [{"name": "outcome", "data": ["fine"]}]}', "failure: not an answer"),
        (504, b'{"code": "timeout"}', "failure: timeout"),
        (500, b"<html>", "failure: status 500"),
        (409, b'{"code": "request_id_reused"}', "refused: request_id_reused"),
    ],
)
def test_what_is_no_answer_is_never_counted_as_one(status, body, outcome):
    told = heard(status, body)

    assert (told.outcome, told.again) == (outcome, False)
