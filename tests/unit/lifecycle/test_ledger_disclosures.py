"""A patient is told to whom their records went, and asking leaves a trace."""

from dataclasses import replace

import pytest

from bedside.core.clock import FixedClock, iso
from bedside.core.errors import Refused
from bedside.core.records.ledger import Actor
from bedside.lifecycle.ledger_disclosures import account_of
from bedside.lifecycle.ledger_records import audit_events, export_records
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from fhir_asking import validated
from stored import a_row, events_of, saved

ADA, BEN = 8_123_456_789, 8_123_456_790


@pytest.fixture
def platform(tmp_path):
    actor = actor_of("user:grey", "research")
    return open_workspace(tmp_path / "w", actor=actor, progress=LineProgress())


def answered(platform, subject, prediction, **more):
    details = {
        "prediction_id": prediction, "model": "sepsis", "version": "sepsis@1", "bundle": "ab",
        "stage": "live", "channel": "rest", "caller": "ehr", "as_of": "2026-01-01T00:00:00.000000Z",
        "outcome": "score", "latency_ms": 1.0, "input_digest": "cd", **more,
    }  # fmt: skip
    actor = Actor(name="service:bedside", purpose="care")
    platform.ledger.append(actor, "answer", details, sealed=b"{}", subject=subject)


def taken_out(platform, snapshot):
    platform.ledger.append(platform.actor, "export", {"snapshot": snapshot, "form": "csv"})


def asked(platform, subject, **more):
    return account_of(platform, str(subject), is_pseudonym=True, **more)


def test_a_data_set_taken_out_for_research_is_told_to_whom_it_held_and_to_nobody_else(platform):
    taken_out(platform, saved(platform.store, events_of(a_row(ADA))).digest)

    (told,) = asked(platform, ADA).due
    assert told.what.startswith("a data set: ward (")
    assert (told.purpose, told.named) == ("research", True)
    assert "user:grey" in told.recipient
    assert asked(platform, BEN).disclosures == ()


def test_an_answer_written_to_another_system_is_told_of_its_patient_alone(platform):
    answered(platform, ADA, "p-1")
    answered(platform, BEN, "p-2")
    for state, prediction in (("sent", "p-1"), ("dead", "p-2")):
        told = {"prediction_id": prediction, "model": "sepsis", "server": "https://ehr.example/fhir",
                "state": state}  # fmt: skip
        platform.ledger.append(platform.actor, "fhir.write_back", told)

    ada, ben = asked(platform, ADA), asked(platform, BEN)
    assert [one.recipient for one in ada.due] == ["https://ehr.example/fhir"]
    assert ben.due == ()
    assert {one.exempt for one in ben.disclosures} == {
        "for treatment, payment or the running of the hospital"  # the answer at the bedside
    }


def test_limited_data_sets_need_no_accounting_and_identified_ones_do(platform):
    answered(platform, ADA, "p-1")
    for mode in ("limited_dataset", "identified"):
        told = {"version": "sepsis@1", "mode": mode, "file": "ab" * 32, "predictions_count": 1}
        platform.ledger.append(platform.actor, "prediction.export", told)

    done = asked(platform, ADA)
    assert [one.exempt for one in done.disclosures if "sepsis@1" in one.what] == [
        "part of a limited data set",
        None,
    ]


def test_a_data_set_that_is_no_longer_kept_is_not_left_out(platform):
    taken_out(platform, "ab" * 32)

    (told,) = asked(platform, ADA).due
    assert (told.named, "no longer kept" in told.what) == (False, True)


def test_what_is_older_than_six_years_is_not_asked_for(platform):
    old = platform.clock.now().replace(year=platform.clock.now().year - 7, day=1)
    platform.ledger._clock, clock = FixedClock(old), platform.ledger._clock
    taken_out(platform, "ab" * 32)
    platform.ledger._clock = clock

    done = asked(platform, ADA)
    assert done.disclosures == ()
    assert done.since > iso(old)


def test_asking_is_an_entry_that_names_nobody_and_is_found_under_the_patient(platform):
    done = asked(platform, ADA)

    entry = platform.ledger.entry(done.entry)
    assert entry.action == "ledger.disclosures"
    assert str(ADA) not in str(entry.details)
    assert platform.ledger.sealed_for(ADA) == [done.entry]
    assert str(ADA).encode() in platform.ledger.unseal(done.entry)


def test_the_page_says_it_in_plain_words_and_is_not_written_over(platform, tmp_path):
    told = {"snapshot": "ab" * 32, "form": "csv"}
    actor = Actor(name="user:<b>grey</b>", purpose="research")
    platform.ledger.append(actor, "export", told)
    page = tmp_path / "page.html"

    asked(platform, ADA, page=page)

    text = page.read_text()
    assert "To whom your health records were disclosed" in text
    assert "user:&lt;b&gt;grey" in text
    assert str(ADA) not in text
    with pytest.raises(Refused):
        asked(platform, ADA, page=page)


def test_the_whole_ledger_is_sound_audit_events_and_sound_prov(platform, tmp_path):
    taken_out(platform, saved(platform.store, events_of(a_row(ADA))).digest)
    answered(platform, ADA, "p-1")
    platform.ledger.append(
        platform.actor, "fhir.write_back",
        {"prediction_id": "p-1", "server": "https://ehr.example/fhir", "state": "sent"},
    )  # fmt: skip

    events = list(audit_events(platform))
    for event in events:
        validated(event)
    assert "PrivacyDisclosure.Source" in str(events[-1]["meta"])
    assert export_records(platform, tmp_path / "a.ndjson", form="fhir").records == 4
    assert export_records(platform, tmp_path / "p.json", form="prov").records > 5
    other = replace(platform, actor=platform.actor)
    with pytest.raises(Refused):
        export_records(other, tmp_path / "p.json", form="prov")
