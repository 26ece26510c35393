"""Copies of a rehearsal's workspace: whole whenever the process ends, and of nothing else."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bedside.core.errors import Refused
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.core.records.version import Stage
from bedside.lifecycle.rehearsal_account import AlarmRaised, DayFigures, DayTold, StageReached
from bedside.lifecycle.rehearsal_state import YearState
from bedside.wiring.rehearsal_keeping import Keeping


class Killed(BaseException):
    """The process ended here."""


def lived(folder, day):
    """The workspace after a day: a row, a blob more, and a file that is written anew."""
    (folder / "blobs").mkdir(exist_ok=True)
    (folder / "blobs" / f"{day}").write_text(str(day))
    (folder / "last").write_text(str(day))
    with closing(sqlite3.connect(folder / "bedside.sqlite", isolation_level=None)) as database:
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = off")
        database.execute("create table if not exists days (day)")
        database.execute("insert into days values (?)", (day,))


def seen(folder):
    """The day of every part of the workspace: they must be of one."""
    if not (folder / "last").exists():
        assert not (folder / "bedside.sqlite").exists()
        return 0
    with closing(sqlite3.connect(folder / "bedside.sqlite")) as database:
        days = [day for (day,) in database.execute("select day from days order by day")]
    blobs = sorted(int(one.name) for one in (folder / "blobs").iterdir())
    assert days == blobs == list(range(1, int((folder / "last").read_text()) + 1))
    return days[-1]


def a_keeping(folder):
    return Keeping(folder=folder / "w", about="a plan", every=0.0)


def until_killed(folder, monkeypatch, at, days=3):
    """Live through days, and end at the so many-th touch of a file of the copies."""
    touches = 0

    def touching(real):
        def touch(*arguments, **named):
            nonlocal touches
            touches += 1
            if touches == at:
                raise Killed
            return real(*arguments, **named)

        return touch

    with monkeypatch.context() as here:
        here.setattr(Path, "rename", touching(Path.rename))
        here.setattr(Path, "mkdir", touching(Path.mkdir))
        here.setattr(os, "replace", touching(os.replace))
        for name in ("rmtree", "copytree", "copy2"):
            here.setattr(shutil, name, touching(getattr(shutil, name)))
        keeping = a_keeping(folder)
        state = keeping.begin()
        assert state.day == seen(folder / "w")
        for day in range(state.day + 1, days + 1):
            lived(folder / "w", day)
            keeping._took = 0.0
            keeping.keep(YearState(first="v", day=day))


def test_killed_at_any_touch_it_goes_on_from_a_whole_copy_and_nothing_goes_back_far(
    tmp_path, monkeypatch
):
    for at in range(1, 70):
        folder = tmp_path / str(at)
        folder.mkdir()
        try:
            until_killed(folder, monkeypatch, at)
        except Killed:
            pass
        else:
            break
        before = a_keeping(folder).begin().day
        lost = seen(folder / "w")
        assert lost == before
        until_killed(folder, monkeypatch, -1)
        assert a_keeping(folder).begin().day == seen(folder / "w") == 3
    assert at > 20


def test_what_is_of_something_else_or_has_ended_is_not_touched(tmp_path):
    keeping = a_keeping(tmp_path)
    keeping.begin()
    lived(tmp_path / "w", 1)
    with pytest.raises(Refused, match="something else"):
        Keeping(folder=tmp_path / "w", about="another plan").begin()
    keeping.end()
    with pytest.raises(Refused, match="there already"):
        a_keeping(tmp_path).begin()
    assert seen(tmp_path / "w") == 1


def test_a_state_is_the_same_once_it_was_written_and_read():
    draft = LedgerDraft(
        actor=Actor(name="a", purpose="b"), action="c", details={"d": 1}, sealed=b"\x00", subject=3
    )
    state = YearState(
        data="d", first="v", day=3, came=[[1, 2], []], seconds=1.5, answers=4, outcomes=2,
        told=[DayTold(day=1, at="2026-01-02", what="w")],
        alarms=[AlarmRaised(day=1, id="ALM-1", version="v", severity="low", cause="unknown",
                            signals=("x",), onset="2026-01-01", text="t")],
        stages=[StageReached(day=1, version="v", stage=Stage.LIVE, suspended=False)],
        figures=[DayFigures(day=1, version="v", answers=1, scores=1, alerts=0, judged=1,
                            expected=0.1, observed=0.0)],
        waiting=[(datetime(2026, 1, 3, tzinfo=UTC), draft)], refused={2: "no"}, live_page="p",
        waits=("a", "b"),
    )  # fmt: skip

    assert YearState.from_json(state.to_json()) == state
