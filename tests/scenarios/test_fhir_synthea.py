"""Real Synthea patients on a FHIR server: watched, asked about, written back, against raw JSON."""

import asyncio
import json
import math
from datetime import UTC, datetime, timedelta
from zipfile import ZipFile

import pytest

from bedside.core.clock import SystemClock
from bedside.core.ids import digest_bytes
from bedside.core.records.declaration import Channels, Signal
from bedside.core.records.features import FeatureRule
from bedside.core.records.fhir_channel import Fhir
from bedside.core.records.fhir_export import FhirServerOptions
from bedside.core.records.question import Question
from bedside.data.adapters.fhir_server.conversation import FhirConversation
from bedside.infra.database.opening import open_database, writing
from bedside.lifecycle.fhir_watch import Watch, Watched
from bedside.serve.adapters.sql_outbox import SqlOutbox
from bedside.serve.write_back import WriteBack
from data_folder import data_folder
from fhir_asking import SEPSIS, a_fhir_declaration, validated
from fhir_collecting import CLIENT, a_key, at_once, let_in
from fhir_server import a_fhir_server
from served import a_served_model, service_for

pytestmark = pytest.mark.xdist_group("fhir_synthea")  # its fixtures are made once

PATIENTS = 12
TEN_YEARS = timedelta(days=3650)  # how far back a value counts, unless a declaration says otherwise
SYSTOLIC, CREATININE = "8480-6", "38483-4"


def a_declaration():
    """Age, systolic pressure (a component of a panel) and creatinine, of adults."""
    parts = {"column": "x", "visible_after": "0 min"}
    signals = {
        "age": Signal(label="age", code="AGE//years", unit="a", role="static", **parts),
        "systolic": Signal(
            label="systolic pressure", code=f"LOINC//{SYSTOLIC}", unit="mm[Hg]", **parts
        ),
        "creatinine": Signal(
            label="creatinine", code=f"LOINC//{CREATININE}", unit="mg/dL", **parts
        ),
        "sepsis": Signal(label="sepsis", code="OUTCOME//sepsis", role="outcome", **parts),
    }
    return a_fhir_declaration(
        signals=signals,
        features=(
            FeatureRule(signals=("systolic", "creatinine"), aggregates=("last",)),
            FeatureRule(signals=("age",)),
        ),
        question=Question(ask="?", predicates={}, trigger="hour"),
        channels=Channels(fhir=Fhir(outcome=SEPSIS)),
    )


@pytest.fixture(scope="module")
def bundles():
    """The smallest whole records, as Synthea wrote them: transactions of every kind of resource."""
    with ZipFile(data_folder("synthea-fhir-r4") / "bundles.zip") as archive:
        names = sorted(
            (one for one in archive.infolist() if "Information" not in one.filename),
            key=lambda one: one.file_size,
        )
        return [json.loads(archive.read(one)) for one in names[:PATIENTS]]


def expected_risk(bundle, now):
    """The risk of the tests' logistic model, from the raw JSON alone; None: not an adult."""
    resources = [entry["resource"] for entry in bundle["entry"]]
    (patient,) = [one for one in resources if one["resourceType"] == "Patient"]
    born = [int(part) for part in patient["birthDate"].split("-")]
    age = now.year - born[0] - ((now.month, now.day) < (born[1], born[2]))
    if age < 18:
        return None
    margin = -2.5 + 0.01 * (age - 60)
    pressures = [
        (one["effectiveDateTime"], part["valueQuantity"]["value"])
        for one in resources
        if one["resourceType"] == "Observation"
        for part in one.get("component", [])
        if part["code"]["coding"][0]["code"] == SYSTOLIC
        and datetime.fromisoformat(one["effectiveDateTime"]) > now - TEN_YEARS
    ]
    if pressures:
        latest = max(pressures, key=lambda one: datetime.fromisoformat(one[0]))
        margin += -0.03 * (latest[1] - 120)
    return 1 / (1 + math.exp(-margin))


def test_every_adult_gets_the_score_that_the_raw_record_gives_and_only_once(bundles, tmp_path):
    server = a_fhir_server()
    let_in(server)
    server.set(live=True)
    for bundle in bundles:
        server.write(*bundle["entry"])
    patients = server.held("Patient")
    assert len(patients) == PATIENTS
    now = datetime.now(UTC)
    served = a_served_model(declaration=a_declaration(), now=now)
    served.answerer.warm_up()
    service = service_for(served.answerer)
    target = FhirConversation(
        FhirServerOptions(base_url=server.base, client_id=CLIENT, page_size=40),
        private_key=a_key(),
        clock=SystemClock(),
        sleep=at_once,
    )
    outbox = SqlOutbox(
        open_database(tmp_path / "bedside.sqlite"), writing=writing, secret=bytes(32)
    )
    sender = WriteBack(
        outbox, target, server.base, clock=SystemClock(), record=lambda action, details: None
    )
    watch = Watch(
        Watched(
            model="sepsis",
            server=server.base,
            service=service,
            target=target,
            outbox=outbox,
            write_back=sender,
            clock=SystemClock(),
            tag=lambda text: digest_bytes(text.encode()),
            erased=set,
            since=datetime(2020, 1, 1, tzinfo=UTC),
        )
    )

    done = asyncio.run(watch.round())
    again = asyncio.run(watch.round())

    target.close()
    service.close()
    wanted = [risk for one in bundles if (risk := expected_risk(one, now)) is not None]
    assert len(wanted) > 0
    assert (done.changed, done.asked, done.unreadable) == (PATIENTS, PATIENTS, 0)
    assert (done.written, done.delivery.sent, again.asked) == (len(wanted), len(wanted), 0)
    risks = [validated(one) for one in server.held("RiskAssessment")]
    told = sorted(one["prediction"][0]["probabilityDecimal"] for one in risks)
    assert told == pytest.approx(sorted(100 * one for one in wanted), abs=1e-4)
    held = {f"Observation/{one['id']}" for one in server.held("Observation")}
    named = {b["reference"] for one in risks for b in one["basis"]}
    assert {one for one in named if one.startswith("Observation/")} <= held
    assert any(one.startswith("Observation/") for one in named)
