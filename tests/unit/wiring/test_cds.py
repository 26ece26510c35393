"""CDS Hooks as a workspace wires it, and feedback that finds its patient in a real ledger."""

import json
from pathlib import Path

import pytest

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.infra.database.sqlite import open_sqlite, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.serve.app import create_app
from bedside.serve.auth import TokenCheck
from bedside.serve.cds_hooks import CdsParts
from bedside.wiring.cds import CdsWiring, cds_of, finding
from cds_clients import BASE, Signer, a_signer
from served import (
    NOW,
    TOKEN_SHA256,
    HttpClient,
    a_hook_call,
    a_patient,
    a_served_model,
    service_for,
)

EHR = a_signer()
PATH = "/cds-services/sepsis-now"


def wired(folder: Path, **parts: object) -> CdsWiring:
    return cds_of(folder, clock=FixedClock(NOW), tag=lambda text: "ab" * 32, **parts)


def a_workspace(folder: Path, signer: Signer = EHR, **changes: object) -> Path:
    client = {
        "name": "ehr",
        "issuer": signer.issuer,
        "jwks": "ehr.json",
        "models": {"sepsis": ["describe", "infer", "feedback"]},
    }
    told = {"public_base": BASE, "clients": [client], **changes}
    (folder / "cds_clients.json").write_text(json.dumps(told))
    (folder / "ehr.json").write_bytes(signer.key_set())
    return folder


def test_without_a_file_nobody_is_known_nothing_is_fetched_and_nothing_is_linked(tmp_path):
    nothing = wired(tmp_path)

    assert nothing.authenticators == ()
    assert nothing.hosts == ()
    assert (nothing.parts.source, nothing.parts.links) == (None, None)
    assert list(tmp_path.iterdir()) == []


def test_with_a_file_its_clients_are_known_under_the_public_name(tmp_path):
    wiring = wired(a_workspace(tmp_path, fhir_servers=["https://ehr.example.org/fhir"]))
    served = a_served_model()
    served.answer(a_patient())  # the first answer of a process compiles the features
    app = create_app(
        service_for(served.answerer),
        authenticators=wiring.authenticators,
        allowed_hosts=wiring.hosts,
        cds=wiring.parts,
    )
    client = HttpClient(app, token=None, host="cds.example.org")
    signed = {"Authorization": f"Bearer {EHR.token(EHR.claims(PATH))}"}

    answer = client.post(PATH, json=a_hook_call(), headers=signed)

    assert answer.status_code == 200
    assert answer.json()["cards"][0]["links"][0]["url"].startswith(f"{BASE}/models/sepsis/card?")
    assert wiring.hosts == ("cds.example.org",)
    assert wiring.parts.source is not None


@pytest.mark.parametrize("file", ["ehr.json", "cds_clients.json"])
def test_a_file_that_is_missing_or_empty_stops_the_start(tmp_path, file):
    (a_workspace(tmp_path) / file).write_bytes(b"")

    with pytest.raises(Invalid, match=file):
        wired(tmp_path)


def test_feedback_is_sealed_with_the_key_of_the_patient_of_its_prediction(tmp_path):
    engine = open_sqlite(tmp_path / "ledger.sqlite")
    ledger = SqlLedger(
        engine,
        writing=writing,
        clear=clear_traces,
        clock=FixedClock(NOW),
        sealing_key=b"s" * 32,
        signing_key=Ed25519Signer(b"k" * 32).private_key,
    )
    served = a_served_model()
    served.answer(a_patient())
    served.answerer._ledger = ledger
    find = finding(SqlPredictions(engine), ledger)
    app = create_app(
        service_for(served.answerer),
        authenticators=[TokenCheck(TOKEN_SHA256)],
        cds=CdsParts(find=find),
    )
    client = HttpClient(app)
    card = client.post(PATH, json=a_hook_call()).json()["cards"][0]["uuid"]
    entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-03-01T12:01:00Z"}
    entry["overrideReason"] = {"userComment": "Mrs Planted is palliative"}

    told = client.post(f"{PATH}/feedback", json={"feedback": [entry]})

    known = find(card)
    assert told.json() == {"recorded": 1}
    assert known is not None
    assert known.subject is not None
    assert ledger.sealed_for(known.subject) == [1, 2]
    assert b"Planted" in ledger.unseal(2)
    assert ledger.forget(known.subject) == 2
    assert find("d1577c69-dfbe-44ad-ba6d-3e05e953b2ea") is None
    assert find(card).subject is None, "who was forgotten is known no more"
