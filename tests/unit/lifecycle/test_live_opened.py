"""Answers are opened once, and judged the same as if all of them had been opened again."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from bedside.core.records.bundle import FEATURES
from bedside.features.definition import feature_set_from_json
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle import live_opened
from bedside.lifecycle import live_performance as module
from bedside.lifecycle.keys import rotate_key
from bedside.lifecycle.live_opened import drop_opened
from bedside.lifecycle.live_performance import live_performance
from bedside.lifecycle.live_rows import read_rows
from bedside.lifecycle.live_watch import watch_live
from bedside.monitor.adapters.sql_watch_book import SqlWatchBook
from bedside.monitor.judged.opened import Opened
from live_ward import FIRST, Ward, a_built_workspace, a_ward

EACH = 30


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return a_built_workspace(tmp_path_factory.mktemp("built") / "w")


@pytest.fixture
def ward(built, tmp_path, monkeypatch):
    """Answers come with messages that name wards and sites; some name nobody."""
    plain = Ward._draft

    def of_a_ward(self, one, subject, row, risk, shown):
        draft = plain(self, one, subject, row, risk, shown)
        where = f"MSH|^~\\&|LAB|S{one.subject % 2}|B|X\rPID|1\rPV1|1|I|W{one.subject % 3}^1"
        sealed = opened_answer(draft.sealed) | ({"request": where} if one.subject % 5 else {})
        return replace(draft, sealed=json.dumps(sealed).encode())

    monkeypatch.setattr(Ward, "_draft", of_a_ward)
    monkeypatch.setattr(module, "REPLICATES", 20)
    return a_ward(built, tmp_path / "w")


@pytest.fixture
def opened(monkeypatch):
    """Entries that were opened, in the order in which they were."""
    found = []
    plain = live_opened._unsealed

    def seen(platform, sequences):
        found.extend(sequences)
        return plain(platform, sequences)

    monkeypatch.setattr(live_opened, "_unsealed", seen)
    return found


class Days:
    """Days of a ward in which outcomes come late, are corrected, and answers name nobody."""

    def __init__(self, ward, seed=7):
        self.ward, self.random, self.asked, self.day = ward, np.random.default_rng(seed), [], 0

    def lives(self, days=1):
        for _ in range(days):
            rows = self.random.integers(0, len(self.ward.risk), EACH)
            whose = [None if row % 17 == 0 else 20_000 + int(row) % 90 for row in rows]
            shown = self.day >= 4  # the version was promoted
            new = self.ward.answer(self.day, rows.tolist(), subjects=whose, shown=shown)
            self.asked += [one for one, who in zip(new, whose, strict=True) if who is not None]
            late = self.random.choice(len(self.asked), EACH)
            some = list({self.asked[at].prediction_id: self.asked[at] for at in late}.values())
            told = [
                float(1 - self.ward.label[one.row])
                if self.random.random() < 0.2
                else float(self.ward.label[one.row])
                for one in some
            ]
            self.ward.came(self.day, some, told)
            self.day += 1
        self.ward.clock.at = self.ward.on(self.day, 2.0)
        return self

    def told(self):
        until = FIRST + timedelta(days=self.day)
        days = {"since": FIRST.isoformat(), "until": until.isoformat()}
        return live_performance(self.ward.platform, "diagnosis", **days)


def everything_again(ward):
    """Nothing that was kept is there any more."""
    book, version = ward.platform.watch_book, ward.version.id
    book.drop_opened([day for day, _ in book.opened(version)])


def kept(ward):
    """Entries of what is kept: answers, and outcomes."""
    book = ward.platform.watch_book
    found = [Opened.from_bytes(content) for _, content in book.opened(ward.version.id)]
    return (
        {int(at) for one in found for at in one.sequence},
        {int(at) for one in found for at in one.outcome},
    )


def test_a_day_opens_that_day_alone_and_every_figure_is_that_of_opening_all(ward, opened):
    days = Days(ward).lives(6)
    days.told()
    assert len(opened) == len(set(opened)) > 6 * EACH
    for _ in range(2):
        begun = len(opened)
        before = ward.platform.ledger.append(ward.platform.actor, "monitor.live", {})
        days.lives()

        told = days.told()

        new = opened[begun:]
        assert min(new) > before.sequence
        assert EACH < len(new) <= 2 * EACH
        assert days.told() == told
        assert len(opened) == begun + len(new)
    assert told["coverage"]["corrected"]
    assert set(told["subgroups"]) >= {"ward", "site"}
    everything_again(ward)
    assert days.told() == told
    assert sorted(kept(ward)[0] | kept(ward)[1]) == sorted(set(opened))


def test_the_columns_are_what_lies_sealed(ward):
    """Against a reading of the ledger that shares nothing with it."""
    Days(ward).lives(3)
    platform = ward.platform
    given = list(platform.predictions.find(version=ward.version.id))

    for _ in range(2):  # opened, and kept
        read = read_rows(platform, ward.version.id, ward.bundle, given)

        notes = platform.predictions.notes([one.prediction_id for one in given])
        names = feature_set_from_json(ward.bundle.files[FEATURES]).names
        corrected = 0
        for made, answer, other in zip(read.predictions, read.answers, read.others, strict=True):
            sealed = opened_answer(platform.ledger.unseal(made.sequence))
            outcome = sealed["answer"]["outcome"]
            assert set(sealed["features"]) == set(names)
            assert (answer.risk, answer.alert, answer.threshold) == tuple(
                outcome[name] for name in ("risk", "alert", "threshold")
            )
            assert answer.outputs == (outcome["risk"],)
            told = [
                json.loads(platform.ledger.unseal(note.sequence))["value"]
                for note in notes
                if note.prediction_id == made.prediction_id
            ]
            assert answer.label == (told[-1] if told else None)
            assert other == (len(set(told)) > 1)
            corrected += other
        assert read.corrected == corrected > 0


def test_who_was_erased_is_in_nothing_that_is_kept(ward):
    days = Days(ward).lives(5)
    days.told()
    ledger, gone = ward.platform.ledger, {one.subject for one in days.asked[:12]}
    theirs = {at for one in gone for at in ledger.sealed_for(one)}
    assert theirs & kept(ward)[0]
    assert theirs & kept(ward)[1]
    some = sorted(gone)
    drop_opened(ward.platform, some[:1])  # as the verb does it
    assert not set(ledger.sealed_for(some[0])) & (kept(ward)[0] | kept(ward)[1])
    for subject in some:
        ledger.forget(subject)

    told = days.told()

    assert not theirs & (kept(ward)[0] | kept(ward)[1])
    everything_again(ward)
    assert days.told() == told
    days.lives(1)
    later = days.told()
    everything_again(ward)
    assert days.told() == later


class Killed(BaseException):
    """As a process that is killed: nothing catches it."""


def test_a_run_that_is_killed_anywhere_changes_nothing_of_what_the_next_finds(ward, monkeypatch):
    days = Days(ward).lives(3)
    days.told()
    days.lives(2)
    keep = SqlWatchBook.keep_opened

    def before(self, *told):
        raise Killed

    def after(self, *told):
        keep(self, *told)
        raise Killed

    for dying in (before, after):
        monkeypatch.setattr(SqlWatchBook, "keep_opened", dying)
        with pytest.raises(Killed):
            days.told()
    monkeypatch.setattr(SqlWatchBook, "keep_opened", keep)

    told = days.told()

    everything_again(ward)
    assert days.told() == told


def test_a_new_key_of_the_ledger_opens_what_was_kept(ward, opened):
    days = Days(ward).lives(3)
    told = days.told()
    begun = len(opened)

    rotate_key(ward.platform, "ledger")

    assert days.told() == told
    assert len(opened) == begun


def test_counting_every_day_anew_opens_every_answer_anew(ward):
    days = Days(ward).lives(3)
    watch_live(ward.platform, "diagnosis")
    told = days.told()

    watch_live(ward.platform, "diagnosis", anew=True)

    assert kept(ward) == (set(), set())
    assert days.told() == told


def test_where_the_path_has_too_many_answers_the_window_alone_is_opened(ward, opened, monkeypatch):
    days = Days(ward).lives(6)
    monkeypatch.setattr(module, "MOST", 3 * EACH)
    ward.clock.at = ward.on(5, 20.0)

    told = live_performance(ward.platform, "diagnosis", window="2d")

    assert told["coverage"]["scores"] == 2 * EACH
    answers = {one.sequence for one in ward.platform.predictions.find(version=ward.version.id)}
    assert len(answers & set(opened)) == 2 * EACH < len(days.asked)
