"""Reports on some days of a model in use: each field from a record, or a gap with who fills it."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.ledger import Actor
from bedside.core.records.policy import Role
from bedside.governance.documents.about_monitoring import FACTS, OF_SOME_DAYS, about_monitoring
from bedside.governance.documents.checklists import table
from bedside.governance.documents.document import value_at
from bedside.governance.documents.held import Held
from bedside.governance.documents.rendering import as_html
from bedside.governance.documents.templated import facts_named
from bedside.lifecycle.alarms import acknowledge, resolve
from bedside.lifecycle.documents import write_documents
from bedside.lifecycle.documents_monitoring import facts_of_monitoring, period_of
from bedside.lifecycle.incidents import close_incident, open_incident
from bedside.lifecycle.live_watch import watch_live
from bedside.lifecycle.people import grant_role
from bedside.lifecycle.suspending import suspend
from bedside.monitor.judged.windows import Window
from documented import NUMBER, is_told, numbers_in
from live_ward import FIRST, a_built_workspace, a_ward

TOLD = "Mrs Nobody of bed 7"
ALL = Window(since=FIRST, until=date(2026, 4, 30))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return a_built_workspace(tmp_path_factory.mktemp("built") / "w")


@pytest.fixture(scope="module")
def ward(built, tmp_path_factory):
    """Sixteen days: from the eighth on one measurement is ten times as high; staff respond."""
    ward = a_ward(built, tmp_path_factory.mktemp("lived") / "w")
    drawn, before = np.random.default_rng(5), []
    for day in range(16):
        rows = drawn.integers(0, len(ward.risk), 60).tolist()
        matrix = ward.matrix[rows].copy()
        matrix[:, 0] *= 10.0 if day >= 8 else 1.0
        whose = [1000 * (day + 1) + place for place in range(60)]
        asked = ward.answer(day, rows, subjects=whose, matrix=matrix, shown=day >= 4)
        ward.came(day, before[:40])
        before = asked
    ward.clock.at = ward.on(16, 2.0)
    watch_live(ward.platform, "diagnosis")
    first = ward.platform.alarms.all()[0]
    ward.clock.at = ward.on(16, 5.0)
    acknowledge(ward.platform, first.id, text=TOLD)
    opened = open_incident(ward.platform, ward.version.id, severity="serious", what=TOLD)
    ward.clock.at = ward.on(17, 2.0)
    resolve(ward.platform, first.id, action=TOLD, cause="unit_change")
    close_incident(ward.platform, opened.id, cause=TOLD, action=TOLD)
    open_incident(ward.platform, ward.version.id, severity="minor", what=TOLD)
    return ward


@pytest.fixture(scope="module")
def told(ward):
    return facts_of_monitoring(ward.platform, ward.version, ALL)


def held(told):
    return Held(file="monitored.json", told=json.loads(canonical_json(told)))


def lines_of(told, item, kind="periodic_monitoring"):
    (document,) = [one for one in about_monitoring(held(told)) if one.name == kind]
    (found,) = [one for one in document.items if one.name == item]
    return found


@pytest.mark.parametrize("name", OF_SOME_DAYS)
def test_each_row_of_each_table_names_facts_that_there_are_and_who_fills_its_gap(name):
    rows = table(f"{name}.csv")

    assert len({row["item"] for row in rows}) == len(rows)
    for row in rows:
        assert None not in row
        assert all((row["asks"], row["missing"], row["who"].startswith("the ")))
        assert len(facts_named(row["facts"], FACTS)) == len(row["facts"].split())
    assert [row["facts"] for row in rows if "onclusion" in row["asks"]] == [""] * sum(
        "onclusion" in row["asks"] for row in rows
    )


def test_each_number_stands_where_it_is_said_to(told):
    there = held(told)

    for document in about_monitoring(there):
        for line in [line for item in document.items for line in item.lines]:
            stands = [value_at(there.told, one.path) for one in line.cited]
            known = [n for value in stands for n in numbers_in(value)]
            for number in NUMBER.findall(line.text):
                assert is_told(number, known), f"{line.label}: {line.text}: {number}"


def test_the_period_is_told_from_the_records(ward, told):
    platform = ward.platform
    first = platform.alarms.all()[0]
    scores = lines_of(told, "2.1").lines[0].text
    assert "scores: 960;" in scores
    assert "over 16 counted days" in scores
    (known,) = lines_of(told, "3.1").lines
    assert known.text.startswith("600 of 960 scores (62 %)")
    assert {line.label.partition(": ")[2] for line in lines_of(told, "3.3").lines} >= {
        "AUROC",
        "Brier score",
    }
    assert all(", n = 600" in line.text for line in lines_of(told, "3.3").lines[:1])
    assert "a model that works then seems" in "".join(
        line.text for line in lines_of(told, "3.3").lines
    )
    silent = [line for line in lines_of(told, "3.3").lines if "nobody was shown" in line.label]
    assert [line.label.rpartition(": ")[2] for line in silent] == ["AUROC", "Expected / observed"]
    assert lines_of(told, "4.1").lines[0].text == str(len(platform.alarms.all()))
    assert "found: a measurement comes in another unit" in lines_of(told, "4.1").lines[1].text
    times = {line.label: line.text for line in lines_of(told, "4.2").lines}
    assert times[first.id] == "acknowledged: after 3 h; resolved: after 24 h"
    (serious,) = lines_of(told, "5.1").lines
    assert serious.text == "serious; closed 2026-03-19"
    assert [line.text for line in lines_of(told, "5.2").lines] == ["minor; open"]
    for gap in ("5.3", "8.1", "8.2"):
        assert (lines_of(told, gap).lines, lines_of(told, gap).state) == ((), "gap")


def test_what_people_wrote_and_who_the_patients_are_stays_out(told):
    page = "".join(map(as_html, about_monitoring(held(told))))
    assert "Nobody" not in page
    assert "Nobody" not in canonical_json(told).decode()


def test_a_change_in_the_period_is_told_and_one_outside_is_not(ward):
    ward.clock.at = ward.on(20)
    suspend(ward.platform, ward.version.id, reason=TOLD)

    inside = facts_of_monitoring(ward.platform, ward.version, ALL)
    before = facts_of_monitoring(
        ward.platform, ward.version, Window(since=FIRST, until=date(2026, 3, 10))
    )

    assert "suspend" in [one["action"] for one in inside["changes"]]
    assert "suspend" not in [one["action"] for one in before["changes"]]
    assert before["alarm_count"] == 0
    assert before["volumes"][0]["scores"] == 9 * 60


def test_a_version_that_nobody_asked_has_gaps_and_no_figures(built, tmp_path):
    ward = a_ward(built, tmp_path / "w")

    told = facts_of_monitoring(ward.platform, ward.version, ALL)

    assert lines_of(told, "2.1").lines == ()
    assert lines_of(told, "3.3").lines == ()
    assert lines_of(told, "3.3").missing.startswith("judge the answers: bedside monitor")
    assert lines_of(told, "4.1").lines[0].text == "0"
    assert any("no score was given" in line.text for line in lines_of(told, "3.6").lines)


def test_ten_patients_or_fewer_are_not_counted(built, tmp_path):
    ward = a_ward(built, tmp_path / "w")
    asked = ward.answer(0, list(range(7)))
    ward.came(1, asked)
    ward.clock.at = ward.on(3)
    watch_live(ward.platform, "diagnosis")

    told = facts_of_monitoring(ward.platform, ward.version, ALL)

    assert "scores: 10 or fewer;" in lines_of(told, "2.1").lines[0].text
    assert lines_of(told, "3.3").lines == ()
    assert told["performance"][0]["subjects"] is None


def test_days_that_are_none_are_refused(ward):
    today = ward.platform.clock.now().date()
    assert period_of(ward.platform, None, None).until == today
    assert (today - period_of(ward.platform, None, None).since).days == 89
    for since, until in (("2026-13-01", None), ("2026-03-02", "2026-03-01"), ("soon", None)):
        with pytest.raises(Invalid):
            period_of(ward.platform, since, until)


def test_the_documents_of_a_version_hold_both_reports(ward):
    done = write_documents(
        ward.platform, "diagnosis", pdf=True, since="2026-03-01", until="2026-03-31"
    )

    pages = {one.name: page for one, page in done.documents if one.name in OF_SOME_DAYS}
    mark = "2026-03-01-to-2026-03-31"
    assert pages["post_market"].name == f"post-market-{mark}.html"
    assert pages["periodic_monitoring"].with_suffix(".pdf").is_file()
    assert any(file.name == f"monitored-{mark}.json" for file in done.files)
    assert "to be checked by counsel" in pages["post_market"].read_text()


def test_who_may_not_watch_gets_neither_report(built, tmp_path):
    ward = a_ward(built, tmp_path / "w")
    grant_role(ward.platform, "user:ada", Role.ADMINISTRATOR)
    grant_role(ward.platform, "user:dan", Role.DATA_STEWARD)
    steward = replace(ward.platform, actor=Actor(name="user:dan", purpose="overview"))

    with pytest.raises(Refused):
        facts_of_monitoring(steward, ward.version, ALL)
    done = write_documents(steward, "diagnosis")

    assert done.left_out
    assert not {one.name for one, _ in done.documents} & set(OF_SOME_DAYS)
