"""Watching a real FHIR server on loopback: who changed is asked about once, and written once."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bedside.core.clock import SystemClock
from bedside.core.errors import NotFound, Unavailable
from bedside.core.ids import digest_bytes, subject_pseudonym
from bedside.core.records.declaration import Channels
from bedside.core.records.fhir_channel import Fhir
from bedside.core.records.fhir_export import FhirServerOptions
from bedside.core.records.fhir_letter import LetterState
from bedside.core.records.version import Stage
from bedside.data.adapters.fhir_server.conversation import FhirConversation
from bedside.features.definition import expand
from bedside.infra.database.opening import open_database, writing
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.fhir_watch import Round, Watch, Watched
from bedside.lifecycle.prediction_replay import READERS
from bedside.lifecycle.question_record import traced_reasons
from bedside.serve.adapters.sql_outbox import SqlOutbox
from bedside.serve.service import Service, models_of
from bedside.serve.write_back import WriteBack
from fhir_asking import a_fhir_declaration, validated
from fhir_collecting import CLIENT, a_key, at_once, let_in
from fhir_server import RunningFhirServer, a_fhir_server
from served import a_fhir_patient, a_served_model, an_encounter, an_observation, service_for

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def server() -> RunningFhirServer:
    server = a_fhir_server()
    let_in(server)
    server.set(live=True)
    return server


def minutes_ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


def a_stay(name: str, *, heart_rate: float | None = 118) -> list[dict[str, Any]]:
    """A patient with a stay under way and fresh measurements."""
    subject = {"reference": f"Patient/{name}"}
    when = {"effectiveDateTime": minutes_ago(30), "issued": minutes_ago(25)}
    made = [
        a_fhir_patient(id=name),
        an_encounter(id=f"enc-{name}", subject=subject, period={"start": minutes_ago(600)}),
        an_observation("2524-7", 4.2, "mmol/L", id=f"lac-{name}", subject=subject, **when),
    ]
    if heart_rate is not None:
        rate = an_observation("8867-4", heart_rate, "/min", id=f"hr-{name}", subject=subject)
        made.append({**rate, **when})
    return made


@dataclass
class Watching:
    """A watch, and what a test looks at."""

    watch: Watch
    outbox: SqlOutbox
    served: Any
    service: Service
    target: FhirConversation
    erased: set[str]

    def look(self) -> Round:
        return asyncio.run(self.watch.round())

    def states(self) -> list[LetterState]:
        return [one.state for one in self.outbox.listed(set(LetterState), most=99)]


@pytest.fixture
def watching(server, tmp_path):
    """Makes watches on one database, as one process after another would."""
    opened: list[Watching] = []

    def make(*, stage: Stage = Stage.LIVE, since: datetime = LONG_AGO, **fhir: Any) -> Watching:
        declared = a_fhir_declaration(channels=Channels(fhir=Fhir(**fhir)))
        served = a_served_model(declaration=declared, stage=stage, now=datetime.now(UTC))
        served.answerer.warm_up()
        service = Service(models_of([served.answerer], {}), tagging=lambda text: text)
        target = FhirConversation(
            FhirServerOptions(base_url=server.base, client_id=CLIENT, attempts=1),
            private_key=a_key(),
            clock=SystemClock(),
            sleep=at_once,
        )
        outbox = SqlOutbox(
            open_database(tmp_path / "bedside.sqlite"), writing=writing, secret=bytes(32)
        )
        erased: set[str] = set()
        watched = Watched(
            model="sepsis",
            server=server.base,
            service=service,
            target=target,
            outbox=outbox,
            write_back=WriteBack(
                outbox, target, server.base, clock=SystemClock(),
                record=lambda action, details: None,
            ),
            clock=SystemClock(),
            tag=lambda text: digest_bytes(text.encode()),
            erased=lambda: erased,
            since=since,
        )  # fmt: skip
        opened.append(Watching(Watch(watched), outbox, served, service, target, erased))
        return opened[-1]

    yield make
    for one in opened:
        one.target.close()
        one.service.close()


def test_who_changed_is_asked_about_and_the_score_is_written_with_what_stands_behind_it(
    server, watching
):
    server.put(*a_stay("jane"), *a_stay("joe"))

    done = watching().look()

    assert (done.changed, done.asked, done.written, done.delivery.sent) == (2, 2, 2, 2)
    risks = server.held("RiskAssessment")
    assert {one["subject"]["reference"] for one in risks} == {"Patient/jane", "Patient/joe"}
    assert len(server.held("Device")) == 1, "one bundle is one Device"
    assert len(server.held("DocumentReference")) == 1
    assert len(server.held("Provenance")) == 2
    (jane,) = [one for one in risks if one["subject"]["reference"] == "Patient/jane"]
    assert jane["encounter"] == {"reference": "Encounter/enc-jane"}
    assert {"reference": "Observation/hr-jane"} in jane["basis"]
    (device,) = server.held("Device")
    assert jane["performer"] == {"reference": f"Device/{device['id']}"}
    targets = [one["target"][0]["reference"] for one in server.held("Provenance")]
    assert sorted(targets) == sorted(f"RiskAssessment/{one['id']}" for one in risks)
    for kind in ("RiskAssessment", "Device", "DocumentReference", "Provenance"):
        for one in server.held(kind):
            validated(one)


def test_the_same_data_are_never_asked_about_again_not_even_after_a_restart(server, watching):
    server.put(*a_stay("jane"))
    first = watching()
    first.look()

    again, after = first.look(), watching()
    restarted = after.look()

    assert (again.asked, restarted.asked) == (0, 0)
    assert again.changed == 1, "the last minute is looked at again"
    assert len(first.served.ledger.kept) == 1
    assert after.served.ledger.kept == []
    assert len(server.held("RiskAssessment")) == 1


def test_a_new_measurement_gets_a_new_score(server, watching):
    server.put(*a_stay("jane"))
    at = watching()
    at.look()

    server.put(a_stay("jane", heart_rate=90)[-1])
    done = at.look()

    assert (done.asked, done.written) == (1, 1)
    assert len(server.held("RiskAssessment")) == 2
    assert len(server.held("Device")) == 1


def test_a_process_that_died_before_its_letter_was_sent_sends_it_when_it_comes_back(
    server, watching
):
    server.put(*a_stay("jane"))
    server.set(failing={"fhir": [503]})
    assert watching().look().delivery.later == 1
    assert server.held("RiskAssessment") == []

    at = watching()
    at.outbox.revive(server.base, datetime.now(UTC))
    letters = at.outbox.due(server.base, datetime.now(UTC) + timedelta(minutes=5), most=9)

    assert len(letters) == 1
    assert at.target.transact(letters[0].content) == 4
    assert at.target.transact(letters[0].content) == 0, "and a second time changes nothing"


@pytest.mark.parametrize(
    ("parts", "heart_rate", "state"),
    [
        ({"stage": Stage.SILENT}, 118, LetterState.NOTHING),
        ({"write_back": "none"}, 118, LetterState.NOTHING),
        ({"write_back": "alerts"}, 118, LetterState.SENT),
        ({}, None, LetterState.NOTHING),
    ],
)
def test_only_shown_scores_of_the_declared_kind_leave(server, watching, parts, heart_rate, state):
    server.put(*a_stay("jane", heart_rate=heart_rate))
    at = watching(**parts)

    done = at.look()

    assert done.asked == 1
    assert at.states() == [state]
    assert len(server.held("RiskAssessment")) == (state is LetterState.SENT)
    assert len(at.served.ledger.kept) == 1, "every answer is in the ledger"


def test_a_score_below_the_threshold_is_no_alert_to_write_back(server, watching):
    stay = a_stay("jane", heart_rate=60)
    stay[2]["valueQuantity"]["value"] = 0.8
    server.put(*stay)
    at = watching(write_back="alerts")

    at.look()

    assert at.states() == [LetterState.NOTHING]


def test_one_patient_whose_record_cannot_be_read_does_not_hold_up_the_others(server, watching):
    broken = a_stay("joe")
    del broken[1]["period"]
    server.put(*broken, *a_stay("jane"))
    at = watching()

    done = at.look()

    assert (done.unreadable, done.written) == (1, 1)
    assert sorted(at.states()) == [LetterState.SENT, LetterState.UNREADABLE]


def test_a_model_that_fails_is_asked_again_and_then_the_patient_is_set_aside(server, watching):
    server.put(*a_stay("jane"))
    at = watching()
    at.served.model.mode = "raises"

    first, second = at.look(), at.look()

    assert (first.failed, second.failed) == (1, 1)
    assert at.outbox.reached(server.base, "sepsis") is None
    assert at.look().unreadable == 1
    assert at.states() == [LetterState.UNREADABLE]


def test_an_answer_whose_letter_could_not_be_kept_is_not_made_a_second_time(
    server, watching, monkeypatch
):
    server.put(*a_stay("jane"))
    at = watching()

    def full(letter: Any) -> bool:
        raise Unavailable("The disk is full.", fix="make room.", code="disk_full")

    with monkeypatch.context() as broken:
        broken.setattr(at.outbox, "put", full)
        first = at.look()
    second = at.look()

    assert (first.problem, first.written) == ("disk_full", 0)
    assert (second.problem, second.written, second.delivery.sent) == (None, 1, 1)
    assert len(at.served.ledger.kept) == 1, "the same request got the first answer again"


def test_what_was_asked_can_be_read_again_and_each_reason_leads_to_its_record(server, watching):
    server.put(*a_stay("jane"))
    at = watching()
    at.look()
    ((entry, sealed),) = at.served.ledger.kept
    told = opened_answer(sealed)
    declared = at.served.answerer.declaration

    facts = READERS["fhir"](
        declared, told["request"].encode(), datetime.fromisoformat(entry.details["as_of"])
    )
    reasons = traced_reasons(declared, expand(declared), "fhir", told)

    assert facts.subject == told["subject"]
    assert {event.code for event in facts.events} >= {"LOINC//2524-7", "LOINC//8867-4"}
    body = told["request"].encode()
    (lactate,) = [one for one in reasons if one.feature.startswith("lactate")]
    (record,) = lactate.records
    assert b"lac-jane" in body[record.offset : record.offset + record.length]


def test_a_server_that_is_away_ends_the_look_and_nothing_is_skipped(server, watching):
    server.put(*a_stay("jane"))
    at = watching()
    server.set(failing={"Observation": [500]})

    broken, whole = at.look(), at.look()

    assert broken.problem == "server_busy"
    assert (whole.problem, whole.written) == (None, 1)


def test_who_was_erased_is_not_asked_about_and_their_letters_go(server, watching):
    server.put(*a_stay("jane"))
    at = watching()
    at.look()
    salt = a_fhir_declaration().data.pseudonym_salt
    tag = digest_bytes(f"{salt}:{subject_pseudonym('jane', salt=salt)}".encode())

    at.erased.add(tag)
    server.put(a_stay("jane", heart_rate=90)[-1])
    done = at.look()

    assert (done.changed, done.asked) == (1, 0)
    assert at.states() == []


def test_the_first_look_begins_now_unless_it_is_told_otherwise(server, watching):
    server.put(*a_stay("jane"))

    done = watching(since=datetime.now(UTC) + timedelta(minutes=1)).look()

    assert done.changed == 0


def test_a_model_without_the_channel_is_not_watched_for(server):
    served = a_served_model(declaration=a_fhir_declaration(channels=Channels()))
    parts: dict[str, Any] = dict.fromkeys(
        ("target", "outbox", "write_back", "clock", "tag", "erased", "since")
    )

    with pytest.raises(NotFound):
        Watch(
            Watched(
                model="sepsis", server=server.base, service=service_for(served.answerer), **parts
            )
        )
