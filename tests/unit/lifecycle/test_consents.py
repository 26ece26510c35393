"""Who refused is not in the next build; the flow counts them and the ledger names nobody."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bedside.core.errors import Refused
from bedside.core.ids import subject_pseudonym
from bedside.core.records.consent import Provision, said_of
from bedside.core.records.ledger import Actor
from bedside.core.records.policy import Act
from bedside.core.records.purpose import Purpose
from bedside.lifecycle.asking import flow_of
from bedside.lifecycle.collect import collect, load_source
from bedside.lifecycle.consents import (
    Asked,
    enter_identity,
    left_out,
    record_consent,
    withdraw_consent,
)
from bedside.lifecycle.package import load_declaration
from bedside.wiring.progress import LineProgress
from bedside.wiring.sources import incoming_of
from bedside.wiring.workspace import actor_of, open_workspace

NOW = datetime.now(UTC)
SOURCE = """
bedside: 1
name: ward
title: A ward
format: fhir
licence: none
release_mode: identified
timezone: Europe/Berlin
files: ["*.ndjson"]
known_at:
  patient: {after: 0 min, counted_from: first}
  observation: {after: 0 min, recorded: true}
  consent: {after: 0 min, recorded: true}
"""
DIAGNOSIS = Path(__file__).parents[3] / "usecases" / "diagnosis"
RESEARCH = frozenset({Purpose.HRESCH})


@pytest.fixture
def platform(tmp_path):
    actor = actor_of("user:ada", "model development")
    return open_workspace(tmp_path / "w", actor=actor, progress=LineProgress())


def asked(platform, purpose="model development", mode=None):
    declaration, _ = load_declaration(DIAGNOSIS)
    if mode is not None:
        declaration = replace(declaration, data=replace(declaration.data, release_mode=mode))
    here = replace(platform, actor=Actor(name="user:ada", purpose=purpose))
    return flow_of(here, declaration, None)


def some_identifiers(count):
    from bedside.lifecycle.cohort import received_file  # noqa: PLC0415

    declaration, _ = load_declaration(DIAGNOSIS)
    table = received_file(declaration, None).table
    return [str(one) for one in table[declaration.data.subject].unique().sort()[:count]]


def test_whoever_withdraws_is_not_in_the_next_cohort_and_the_flow_counts_them(platform):
    before, flow = asked(platform)
    gone = some_identifiers(12)

    for identifier in gone:
        record_consent(platform, identifier, Provision(kind="permit"))
    permitted, _ = asked(platform)
    for identifier in gone:
        withdraw_consent(platform, identifier)
    after, steps = asked(platform)

    assert before.equals(permitted)
    assert "consent" not in [one.name for one in flow]
    assert before["subject_id"].n_unique() - after["subject_id"].n_unique() == 12
    assert steps[-1].name == "consent"
    assert steps[-2].subjects - steps[-1].subjects == 12
    told = [one for one in platform.ledger.entries() if one.action.startswith("consent.")]
    assert [one.action for one in told] == ["consent.record"] * 12 + ["consent.withdraw"] * 12
    # An identifier here is a short number, so that a part of some digest may look like one.
    words = {word for one in told for word in re.findall(r"[\w-]+", json.dumps(one.details))}
    assert not words & set(gone)


def test_a_refusal_counts_for_its_purpose_alone(platform):
    (somebody,) = some_identifiers(1)
    record_consent(platform, somebody, Provision(kind="deny", purposes=RESEARCH))

    development, _ = asked(platform)
    research, _ = asked(platform, "research")

    assert development["subject_id"].n_unique() - research["subject_id"].n_unique() == 1


def test_research_on_identified_data_asks_for_a_permit_and_has_nobody_else(platform):
    for identifier in (permits := some_identifiers(60)):
        record_consent(platform, identifier, Provision(kind="permit", purposes=RESEARCH))

    rows, flow = asked(platform, "research", "identified")

    assert rows["subject_id"].n_unique() == len(permits)
    assert flow[-1].text == "Permit this use."


def test_identified_data_are_refused_for_marketing(platform):
    with pytest.raises(Refused, match="marketing"):
        asked(platform, "marketing", "identified")


def test_the_identifier_is_nowhere_in_the_database(platform):
    record_consent(platform, "Zebulon-Quagga-77", Provision(kind="deny"))

    assert [name for name, _ in platform.consents.identified()] == ["Zebulon-Quagga-77"]
    files = [path.read_bytes() for path in platform.folder.rglob("*") if path.is_file()]
    assert not any(b"Zebulon" in content for content in files)


def test_the_last_word_that_covers_the_purpose_counts():
    yesterday, day = NOW - timedelta(days=1), timedelta(days=1)
    permit = Provision(kind="permit", starts=NOW - 9 * day, ends=NOW + day)
    no_research = Provision(kind="deny", purposes=RESEARCH)
    told = [(yesterday - day, permit), (yesterday, no_research)]

    assert said_of(told, Purpose.HRESCH, NOW) == "deny"
    assert said_of(told, Purpose.SYSDEV, NOW) == "permit"
    assert said_of(told, Purpose.SYSDEV, NOW + day) is None
    assert said_of(told, Purpose.HRESCH, yesterday - day) == "permit"
    assert said_of([(NOW, permit), (NOW, no_research)], Purpose.HRESCH, NOW) == "deny"
    assert said_of([(NOW, Provision(kind="deny", purposes=frozenset({Purpose.HOPERAT})))],
                   Purpose.SYSDEV, NOW) == "deny"  # fmt: skip


def a_ward(folder, consents):
    folder.mkdir()
    people = [{"resourceType": "Patient", "id": f"p{n}", "gender": "female"} for n in range(3)]
    pulse = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
    seen = [
        {"resourceType": "Observation", "id": f"o{n}", "status": "final", "code": pulse,
         "subject": {"reference": f"Patient/p{n}"}, "effectiveDateTime": "2026-01-02T08:00:00Z",
         "valueQuantity": {"value": 80, "unit": "/min", "code": "/min"}}
        for n in range(3)
    ]  # fmt: skip
    lines = [json.dumps(one) for one in (*people, *seen, *consents)]
    (folder / "all.ndjson").write_text("\n".join(lines))
    (folder.parent / "ward.yaml").write_text(SOURCE)
    return load_source(folder.parent / "ward.yaml")


def a_fhir_consent(patient, status="active", version="1", purpose="HRESCH"):
    rule = {"type": "deny", "purpose": [{"code": purpose}]}
    return {
        "resourceType": "Consent", "id": f"c-{patient}", "status": status, "provision": rule,
        "meta": {"versionId": version, "lastUpdated": f"2026-0{1 + int(version)}-03T08:00:00Z"},
        "patient": {"reference": f"Patient/{patient}"}, "dateTime": "2026-01-03T08:00:00Z",
    }  # fmt: skip


def test_a_fhir_consent_that_was_collected_leaves_out_who_refused_until_it_is_inactive(
    platform, tmp_path
):
    refused = [a_fhir_consent("p0"), a_fhir_consent("p1"), a_fhir_consent("p2", purpose="HMARKT")]
    ended = a_fhir_consent("p1", status="inactive", version="2")
    source = a_ward(tmp_path / "in", [*refused, ended])

    with incoming_of(platform, source, tmp_path / "in") as incoming:
        snapshot = collect(platform, source, incoming).snapshot

    def gone(purpose, at):
        return left_out(platform, snapshot, Act.DEVELOP, Asked(purpose=purpose, moment=at)).subjects

    p0, p1 = (subject_pseudonym(one, salt=snapshot.manifest.salt) for one in ("p0", "p1"))
    assert gone(Purpose.HRESCH, datetime(2026, 1, 1, tzinfo=UTC)) == frozenset()
    assert gone(Purpose.HRESCH, datetime(2026, 2, 1, tzinfo=UTC)) == {p0, p1}
    assert gone(Purpose.HRESCH, NOW) == {p0}
    assert gone(Purpose.SYSDEV, NOW) == frozenset()


def test_who_refused_is_not_named_but_to_treat_them(platform):
    safety = replace(platform, actor=Actor(name="user:ada", purpose="quality and safety"))
    treating = replace(platform, actor=Actor(name="user:ada", purpose="treatment"))
    enter_identity(safety, "ward", "P1")

    withdraw_consent(platform, "P1")

    with pytest.raises(Refused, match="has refused"):
        enter_identity(safety, "ward", "P1")
    enter_identity(treating, "ward", "P1")
    enter_identity(safety, "ward", "P2")
    assert "P1" not in json.dumps([one.details for one in platform.ledger.entries()])
