"""The page of a watched version: what it says, what it hides, and that it is the same each time."""

import json
import re

import numpy as np
import pytest

from alarming import a_finding
from bedside.core.records.codes_seen import CodeSeen, codes_to_text
from bedside.core.records.watch import Alarm, AlarmStep, AtPlace, Watch
from bedside.monitor.live_page.codes_table import codes_table
from bedside.monitor.live_page.live_report import live_report
from bedside.monitor.live_page.page import render_live_page
from watched_hospital import (
    FEATURES,
    FIRST,
    WEIGHED,
    Hospital,
    codes_of,
    first_alarms,
    people,
    quarter,
    tally_days,
)


@pytest.fixture(scope="module")
def hospital():
    return Hospital()


@pytest.fixture(scope="module")
def told(hospital):
    """A quarter in which creatinine changed its unit, and the alarm about it."""
    random = np.random.default_rng(0)
    before, after = people(1200, random), people(1500, random)
    after.matrix[:, FEATURES.index("creatinine.last")] *= 88.4
    baseline, tallies = quarter(hospital, before, after)
    (draft,) = first_alarms(baseline, tallies)[1]
    alarm = an_alarm(draft.text, cause=draft.cause, findings=draft.findings, onset=draft.onset)
    return a_report(baseline, tallies, alarms=[alarm])


def an_alarm(text, **told):
    return Alarm(
        **{
            "id": "ALM-7", "key": "k", "model": "m", "version": "m:1", "kind": "input",
            "severity": "high", "cause": "unit_change", "onset": "2024-10-24",
            "raised": "2024-10-25T06:00:00+00:00", "text": text, "owner": "ICU lead", **told,
        }
    )  # fmt: skip


def a_report(baseline, tallies, **told):
    whole = {
        "model": "Death in hospital", "version": "m:1", "at": "2024-11-24T06:00:00+00:00",
        "next_due": "2024-11-25T06:00:00+00:00", **told,
    }  # fmt: skip
    return live_report(baseline, Watch(owner="ICU lead"), tallies, **whole)


def test_the_page_says_first_where_the_version_stands_and_what_to_do(told):
    page = render_live_page(told)

    state = page.index(
        "One thing moved by more than chance; the risks of patients may be wrong now"
    )
    alarm = page.index("Creatinine comes about")
    advice = page.index("Ask the laboratory or the interface team")
    assert state < alarm < advice < page.index("<svg")


def test_the_figures_of_an_alarm_stand_by_place_with_shares_in_per_cent(hospital):
    random = np.random.default_rng(3)
    baseline, tallies = quarter(hospital, people(400, random), people(400, random))
    at_b = AtPlace(place="site: <B>", then=0.1, now=0.9, n=120)
    findings = (
        a_finding("rank:creatinine.last", then=0.5, now=0.93, n=None),
        a_finding("missing:creatinine.last", then=0.1, now=0.4, places=(at_b,)),
    )
    report = a_report(baseline, tallies, alarms=[an_alarm("It moved.", findings=findings)])

    page = render_live_page(report)

    (told,) = report["alarms"]
    assert [one["stream"] for one in told["figures"]] == [
        "missing:creatinine.last", "rank:creatinine.last",
    ]  # fmt: skip
    rows = [" ".join(re.findall(r">([^<>]+)</td>", row)) for row in page.split("<tr>")]
    assert "all places 10 % 40 % 240" in [row.split("more often ")[-1] for row in rows]
    assert "site: &lt;B&gt; 10 % 90 % 120" in rows
    assert any(row.endswith("all places 50 of 100 93 of 100 10 or fewer") for row in rows)


def test_a_code_that_went_and_one_that_nobody_knows_are_shown_with_their_signal(hospital):
    random = np.random.default_rng(3)
    before, after = people(1200, random), people(1500, random)
    codes = codes_of(after, ventilated="ja", lone="<LOINC>", weigher=(WEIGHED[0], ""))
    baseline, tallies = quarter(hospital, before, after, codes=codes)
    report = a_report(baseline, tallies)
    report["codes"] = codes_table(baseline, tallies, ["2024-10-24"], {"weight": "body weight"})

    page = render_live_page(report)

    told = {(row["signal"], row["code"], row["known"]) for row in report["codes"] if row["moved"]}
    assert {
        ("body weight", WEIGHED[1], True),
        ("ventilation", "yes", True),
        ("ventilation", "ja", False),
        ("", "<LOINC>", False),
    } == told
    assert "&lt;LOINC&gt;" in page
    assert "not declared" in page


def test_codes_of_ten_answers_or_fewer_are_not_shown(hospital):
    random = np.random.default_rng(3)
    before, after = people(1200, random), people(1500, random)
    codes = codes_of(after)
    codes[:10] = codes_to_text([CodeSeen("ventilation", "rare", False)])
    baseline, tallies = quarter(hospital, before, after, codes=codes)

    assert codes_table(baseline, tallies, [], {}) == []


def test_the_signal_that_moved_the_risks_is_the_first_and_all_add_up(told):
    effects = told["signals"]["effects"]

    assert effects[0]["signal"] == "creatinine"
    assert effects[0]["low"] < effects[0]["estimate"] < effects[0]["high"]
    assert sum(one["estimate"] for one in effects) == pytest.approx(
        told["signals"]["shift"], abs=0.05
    )


def test_the_page_needs_no_script_and_no_network_and_is_the_same_each_time(told):
    page = render_live_page(told)

    assert page == render_live_page(json.loads(json.dumps(told, allow_nan=False)))
    assert not re.search(r"<script|<link|src=|url\(|href=", page)


def test_what_a_person_wrote_is_escaped(hospital):
    report = a_report(hospital.baseline, [], alarms=[an_alarm("<b>x</b>")])

    assert "<b>x</b>" not in render_live_page(report)


def test_without_a_day_it_says_that_nothing_can_be_known(hospital):
    report = a_report(hospital.baseline, [], unknown=["everything: no day is over"])

    page = render_live_page(report)

    assert report["state"] == "cannot_know"
    assert "Too few patients have been asked about" in page
    assert "Everything: no day is over" in page


def test_counts_of_ten_or_fewer_are_not_shown(hospital):
    few = people(10, np.random.default_rng(3))
    answers = hospital.answers(few, np.full(10, FIRST), 0)

    report = a_report(hospital.baseline, tally_days(hospital.baseline, answers))

    assert report["patients"] is None
    assert report["judged"] is None
    for part in ("risks", "alerts", "calibration"):
        assert all(point["estimate"] is None for point in report[part]["points"])
    assert all(row["n"] is None for row in report["groups"])
    assert report["area"]["now"]["estimate"] is None


def test_periods_grow_until_they_can_be_shown(hospital):
    random = np.random.default_rng(4)
    some = people(300, random)
    answers = hospital.answers(some, FIRST + np.sort(random.integers(0, 56, 300)), 0)

    report = a_report(hospital.baseline, tally_days(hospital.baseline, answers))

    assert report["alerts"]["days"] > report["risks"]["days"] >= 7
    assert any(point["estimate"] is not None for point in report["alerts"]["points"])


def test_of_a_young_version_the_days_that_can_be_shown_are_and_no_count_beside_them(hospital):
    random = np.random.default_rng(3)
    baseline, tallies = quarter(hospital, people(60, random), people(20, random), days=(1, 20))
    few = [tallies[0], *tallies[1:4]]

    report = a_report(baseline, few)

    points = report["risks"]["points"]
    assert [point["estimate"] is not None for point in points] == [True, False, False, False]
    assert {point["n"] for point in points} == {None}
    assert "Mean rank of the risks" in render_live_page(report)


@pytest.mark.parametrize(
    ("alarms", "told"),
    [
        ([("input", "high"), ("performance", "low")], "may be wrong now"),
        ([("input", "low"), ("performance", "medium")], "do not come true as they should"),
        ([("input", "medium"), ("volume", "low")], "are not known to be wrong"),
    ],
)
def test_the_first_sentence_says_whether_the_risks_can_be_relied_on(hospital, alarms, told):
    random = np.random.default_rng(3)
    baseline, tallies = quarter(hospital, people(400, random), people(400, random))
    some = [an_alarm("It moved.", kind=kind, severity=severity) for kind, severity in alarms]

    assert told in a_report(baseline, tallies, alarms=some)["sentence"]


def test_an_alarm_that_came_back_says_so_and_what_happened_in_words(hospital):
    random = np.random.default_rng(3)
    baseline, tallies = quarter(hospital, people(400, random), people(400, random))
    acts = [
        ("raised", "user:ada", ""), ("recovered", "service:bedside", "it is back"),
        ("resolved", "service:bedside", "assay_bias"), ("reopened", "user:ada", "it came back"),
    ]  # fmt: skip
    steps = tuple(
        AlarmStep(kind=kind, at=f"2024-11-{10 + at:02}T06:00:00+00:00", by=by, entry=at, text=text)
        for at, (kind, by, text) in enumerate(acts)
    )
    back = an_alarm("It moved.", raised=steps[0].at, steps=steps)

    page = render_live_page(a_report(baseline, tallies, alarms=[back]))

    assert "raised 14 days ago, came back 11 days ago" in page
    assert "Closed by itself, for it had recovered: 12 November 2024" in page
    assert "what was likely behind it: a measurement is biased against before" in page
    assert "assay_bias" not in page


def test_quiet_without_outcomes_says_that_they_are_not_known(hospital):
    random = np.random.default_rng(5)
    answers = hospital.answers(people(300, random), np.full(300, FIRST), 0)

    report = a_report(hospital.baseline, tally_days(hospital.baseline, answers, [FIRST]))

    assert report["state"] == "quiet"
    assert "cannot be known yet" in report["sentence"]
