"""Alarms: raised once, grown, acknowledged, resolved; what people write lies sealed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alarming import TOLD, VERSION, a_draft, a_finding, an_alarming_platform
from bedside.core.clock import iso
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.records.version import Stage
from bedside.core.records.watch import AtPlace
from bedside.interop.fhir_out.audit_actions import Pattern, pattern_of
from bedside.lifecycle.alarm_account import alarm_told, times_of
from bedside.lifecycle.alarms import (
    acknowledge,
    assign,
    note,
    open_alarm_incident,
    raise_alarms,
    resolve,
    resolved_streams,
    responded,
)
from bedside.wiring.workspace import actor_of

LIVE = replace(VERSION, stage=Stage.LIVE)


@pytest.fixture
def platform(tmp_path):
    return an_alarming_platform(tmp_path / "w")


def actions(platform):
    return [one.action for one in platform.ledger.entries() if one.action.startswith("alarm.")]


def test_the_same_finding_again_raises_nothing_new(platform):
    first = raise_alarms(platform, VERSION, [a_draft()], owner="the ward")

    again = raise_alarms(platform, VERSION, [a_draft()])

    assert again == first == platform.alarms.all()
    assert (first[0].owner, first[0].state) == ("the ward", "open")
    assert actions(platform) == ["alarm.raise"]
    entry = platform.ledger.entry(first[0].steps[0].entry)
    assert first[0].id == f"ALM-{entry.sequence}"


def test_another_version_or_cause_is_another_alarm(platform):
    other = replace(VERSION, id="m@111111111111", bundle="1" * 64)

    unit = a_draft(a_finding("rank:x"), key="unit_change x", cause="unit_change")
    raise_alarms(platform, VERSION, [a_draft(), unit])
    raise_alarms(platform, other, [a_draft()])

    assert len(platform.alarms.all()) == 3


def test_an_alarm_grows_by_new_findings_and_is_open_again_once_it_is_more_severe(platform):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])
    acknowledge(platform, alarm.id)

    (wider,) = raise_alarms(
        platform, VERSION, [a_draft(a_finding("rank:lactate.last", log_evidence=12.0))]
    )
    (worse,) = raise_alarms(
        platform, VERSION, [a_draft(severity="high", onset="2026-02-20", groups=("sex: female",))]
    )
    (milder,) = raise_alarms(platform, VERSION, [a_draft(severity="low")])

    assert [one.stream for one in wider.findings] == [
        "rank:lactate.last",
        "missing:creatinine.last",
    ]
    assert (wider.state, wider.steps[-1].text) == ("acknowledged", "1 new finding")
    assert (worse.state, worse.severity, worse.onset) == ("open", "high", "2026-02-20")
    assert worse.groups == ("sex: female",)
    assert worse.steps[-1].text.startswith("more severe: medium, now high")
    assert milder == worse


def test_a_finding_whose_likely_cause_becomes_another_stays_one_alarm(platform):
    residual = a_finding("residual", kind="performance", signal=None)
    first = a_draft(residual, key="prevalence:performance", cause="prevalence", signals=())
    ranks = a_finding("placement", kind="performance", signal=None, side="down")
    later = a_draft(residual, ranks, key="unit_change:creatinine", cause="unit_change")

    (raised,) = raise_alarms(platform, VERSION, [first])
    (now,) = raise_alarms(platform, VERSION, [later])
    again = raise_alarms(platform, VERSION, [later])

    assert (now.id, now.cause, now.signals) == (raised.id, "unit_change", ("creatinine",))
    assert len(now.findings) == 2
    told = "another cause is more likely: prevalence, now unit_change; 1 new finding"
    assert now.steps[-1].text == told
    assert again == [now] == platform.alarms.all()


def test_evidence_of_an_alarm_with_a_draft_of_its_own_raises_no_other(platform):
    residual = a_finding("residual", kind="performance", signal=None)
    ranks = a_finding("placement", kind="performance", signal=None, side="down")
    (lost,) = raise_alarms(platform, VERSION, [a_draft(a_finding(), residual)])

    same, other = raise_alarms(
        platform,
        VERSION,
        [a_draft(), a_draft(residual, key="prevalence:performance", cause="prevalence")],
    )
    _, new = raise_alarms(
        platform,
        VERSION,
        [a_draft(), a_draft(residual, ranks, key="model_degraded:x", cause="model_degraded")],
    )
    _, graver = raise_alarms(
        platform,
        VERSION,
        [a_draft(), a_draft(residual, key="prevalence:y", cause="prevalence", severity="high")],
    )

    assert same == other == lost
    assert [one.stream for one in new.findings] == ["placement"]
    assert (graver.id, graver.cause, graver.severity) == (lost.id, "feed_lost", "high")
    assert len(platform.alarms.all()) == 2


def test_figures_of_places_stand_as_long_as_the_alarm_names_the_places(platform):
    at_b = AtPlace(place="site: B", then=0.1, now=0.9, n=40)
    first = a_draft(a_finding(places=(at_b,)), groups=("site: B",))
    more = a_draft(a_finding(), a_finding("missing:creatinine.count"))

    def raised(draft):
        return platform.alarms.get(raise_alarms(platform, VERSION, [draft])[0].id)

    def places(alarm):
        return {one.stream: one.places for one in alarm.findings}

    assert places(raised(first)) == {"missing:creatinine.last": (at_b,)}
    grown = raised(more)
    assert (grown.groups, places(grown)["missing:creatinine.last"]) == (("site: B",), (at_b,))
    spread = raised(replace(more, everywhere=True))
    assert (spread.groups, set(places(spread).values())) == ((), {()})


def test_what_rests_on_ten_patients_or_fewer_is_not_kept(platform):
    (alarm,) = raise_alarms(
        platform, VERSION, [a_draft(a_finding(now=0.35, n=10), a_finding("x", now=0.5, n=11))]
    )

    assert [(one.now, one.n) for one in alarm.findings] == [(None, None), (0.5, 11)]
    sealed = platform.ledger.unseal(alarm.steps[0].entry)
    assert b"0.35" not in sealed


def test_what_people_write_is_read_back_but_stands_nowhere_in_the_open(platform):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])
    acknowledge(platform, alarm.id, text=TOLD)
    note(platform, alarm.id, text=TOLD)
    resolve(platform, alarm.id, action=TOLD, cause="unit_change")

    told = alarm_told(platform, alarm.id)

    assert [one["words"] for one in told["steps"][1:]] == [
        {"text": TOLD},
        {"text": TOLD},
        {"action": TOLD},
    ]
    assert told["steps"][-1]["text"] == "unit_change"
    assert TOLD not in str(list(platform.ledger.entries()))
    assert TOLD not in str(platform.alarms.all())
    files = b"".join(one.read_bytes() for one in platform.folder.glob("*.sqlite*"))
    assert TOLD.encode() not in files
    assert platform.ledger.verify() == []


def test_a_resolved_alarm_changes_no_more_and_what_comes_back_is_another(platform):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])
    resolve(platform, alarm.id, action="the feed is back")

    for change in (
        acknowledge,
        lambda p, i: note(p, i, text="x"),
        lambda p, i: assign(p, i, to="b"),
        lambda p, i: resolve(p, i, action="x"),
        lambda p, i: responded(p, i, text="x"),
    ):
        with pytest.raises(Refused) as error:
            change(platform, alarm.id)
        assert error.value.code == "alarm_resolved"
    (next_one,) = raise_alarms(platform, VERSION, [a_draft()])
    assert next_one.id != alarm.id


def test_the_streams_of_what_was_resolved_start_anew_at_the_next_run_alone(platform):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft(a_finding("a"), a_finding("b"))])
    raise_alarms(platform, VERSION, [a_draft(a_finding("c"), key="other")])
    before = iso(platform.clock.now())
    assert resolved_streams(platform, VERSION, since=before) == frozenset()

    resolve(platform, alarm.id, action="the feed is back")

    assert resolved_streams(platform, VERSION, since=before) == {"a", "b"}
    assert resolved_streams(platform, VERSION, since=iso(platform.clock.now())) == frozenset()


def test_the_time_until_somebody_looked_and_until_it_was_over_is_counted(platform):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])
    assert times_of(alarm).to_acknowledge is None
    begun = datetime(2026, 3, 1, 8, tzinfo=UTC)
    steps = [
        replace(alarm.steps[0], kind=kind, at=iso(begun + timedelta(hours=hours)))
        for kind, hours in (
            ("raised", 0),
            ("acknowledged", 2),
            ("acknowledged", 3),
            ("resolved", 9),
        )
    ]

    times = times_of(replace(alarm, raised=iso(begun), steps=tuple(steps)))

    assert (times.to_acknowledge, times.to_resolve) == (timedelta(hours=2), timedelta(hours=9))


def test_a_severe_alarm_of_a_version_that_is_shown_offers_an_incident_and_is_linked_to_it(platform):
    (quiet,) = raise_alarms(platform, VERSION, [a_draft(severity="high")])
    (shown,) = raise_alarms(platform, LIVE, [a_draft(severity="high", key="another")])

    alarm, incident = open_alarm_incident(platform, shown.id, severity="minor", what=TOLD)

    assert "bedside alarm incident" not in quiet.text
    assert f"bedside alarm incident {shown.id}." in shown.text
    assert alarm.steps[-1].text == f"incident {incident.id} was opened"
    assert (incident.version, incident.noticed) == (VERSION.id, alarm.raised)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda p, i: note(p, i, text=" "),
        lambda p, i: assign(p, i, to=""),
        lambda p, i: resolve(p, i, action=""),
        lambda p, i: resolve(p, i, action="x", cause="ghosts"),
    ],
)
def test_what_says_nothing_changes_nothing(platform, wrong):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])

    with pytest.raises(Invalid):
        wrong(platform, alarm.id)

    assert platform.alarms.get(alarm.id) == alarm


def test_who_may_not_monitor_changes_nothing(platform):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])
    outsider = replace(platform, actor=actor_of("user:ada", "no purpose at all"))

    with pytest.raises(Refused):
        acknowledge(outsider, alarm.id)
    with pytest.raises(NotFound):
        acknowledge(platform, "ALM-0")

    assert platform.alarms.get(alarm.id) == alarm


def test_every_step_has_its_pattern_of_an_audit():
    steps = ("acknowledge", "assign", "grow", "note", "resolve", "respond")

    assert pattern_of("alarm.raise", {}) is Pattern.CREATE
    assert pattern_of("alarm.show", {}) is Pattern.READ
    assert {pattern_of(f"alarm.{one}", {}) for one in steps} == {Pattern.UPDATE}
