"""Sources that are not files: a FHIR server, an MLLP listener, a database; as a user runs them."""

import asyncio
import json
import re
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from fhir_collecting import CLIENT, a_key, let_in
from fhir_server import a_fhir_server
from mllp_sending import ask
from planted import BEDSIDE, bedside_run

RULES = """
known_at:
  patient: {after: 0 min, counted_from: first}
  encounter: {after: 0 min, recorded: true}
  encounter_end: {after: 0 min, recorded: true}
  observation: {after: 90 min, recorded: true}
  condition: {after: 1 d, recorded: true}
  order: {after: 0 min, recorded: true}
  report: {after: 0 min, recorded: true}
  death: {after: 1 d, recorded: true}
  procedure: {after: 1 d, recorded: true}
  measurement: {after: 60 min}
"""


def declared(folder: Path, name: str, form: str, more: str) -> Path:
    file = folder / f"{name}.yaml"
    file.write_text(
        f"bedside: 1\nname: {name}\ntitle: {name}\nformat: {form}\nlicence: none\n"
        f"release_mode: identified\ntimezone: UTC\n{more}{RULES}"
    )
    return file


def collected(workspace: Path, source: Path, **environment: str) -> dict:
    done = bedside_run(workspace, "data", "collect", str(source), "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def server():
    server = a_fhir_server()
    let_in(server)
    return server


@pytest.mark.parametrize("mode", ["export", "search"])
def test_a_fhir_server_is_collected_and_nothing_is_added_twice(server, tmp_path, mode):
    key = tmp_path / "key.pem"
    key.write_bytes(a_key())
    source = declared(
        tmp_path, "ward", "fhir",
        f"server: {{base_url: '{server.base}', client_id: {CLIENT}, mode: {mode}, "
        "types: [Patient, Observation]}\n",
    )  # fmt: skip

    first = collected(tmp_path / "w", source, BEDSIDE_FHIR_KEY=str(key))
    again = collected(tmp_path / "w", source, BEDSIDE_FHIR_KEY=str(key))

    assert first["new"]
    assert set(first["report"]["rows_in"]) >= {"Patient", "Observation"}
    assert first["report"]["events_out"]["observation"] > 0
    assert (again["new"], again["snapshot"]) == (False, first["snapshot"])


def test_a_server_without_its_key_says_which_setting_is_missing(server, tmp_path):
    source = declared(
        tmp_path, "ward", "fhir", f"server: {{base_url: '{server.base}', client_id: {CLIENT}}}\n"
    )

    done = bedside_run(tmp_path / "w", "data", "collect", str(source))

    assert done.returncode != 0
    assert "BEDSIDE_FHIR_KEY" in done.stderr


def result(control: str, minute: int, value: str, status: str) -> bytes:
    return (
        f"MSH|^~\\&|LAB|H|EHR|H|202601310{minute:03d}00||ORU^R01|{control}|P|2.5\r"
        "PID|1||7^^^WEST^MR\r"
        "OBR|1|P1|F1|2823-3^Potassium^LN|||20260131080000\r"
        f"OBX|1|NM|2823-3^Potassium^LN||{value}|mmol/L|||||{status}|||20260131080000\r"
    ).encode()


async def sent(port: int, messages: list[bytes]) -> list[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = [await ask(reader, writer, message) for message in messages]
    writer.close()
    await writer.wait_closed()
    return answers


def received(workspace: Path, source: Path, messages: list[bytes]) -> list[bytes]:
    """What a listener answered, until it was told to stop."""
    listener = subprocess.Popen(
        [BEDSIDE, "data", "listen", str(source), "--workspace", str(workspace)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        port = 0
        for line in listener.stderr:
            found = re.search(r"port (\d+)", line)
            if found:
                port = int(found.group(1))
                break
        assert port, "the listener did not start"
        answers = asyncio.run(sent(port, messages))
    finally:
        listener.send_signal(signal.SIGTERM)
        listener.communicate(timeout=60)
    assert listener.returncode == 0
    return answers


def test_what_a_listener_answered_is_collected_with_its_corrections(tmp_path):
    source = declared(tmp_path, "lab", "hl7v2", "listener: {port: 0}\n")
    first = result("A", 830, "6.9", "F")

    answers = received(tmp_path / "w", source, [first, first, b"no message at all"])
    done = bedside_run(tmp_path / "w", "data", "collect", str(source), "--json")
    later = received(tmp_path / "w", source, [result("B", 930, "4.2", "C")])
    declared(tmp_path, "lab", "hl7v2", "listener: {port: 0}\nquarantine: {at_most: 0.5}\n")
    after = collected(tmp_path / "w", source)
    nothing = collected(tmp_path / "w", source)

    assert [b"|AA|" in answer for answer in answers] == [True, True, False]
    assert done.returncode != 0, "one of three is unreadable, which the source does not bear"
    assert "unreadable" in done.stderr
    assert b"|AA|" in later[0]
    assert after["report"]["corrections"] == 2, "the potassium, and the report that it stands in"
    assert not nothing["new"]


def test_an_omop_database_is_collected_by_its_url(tmp_path):
    with sqlite3.connect(tmp_path / "cdm.sqlite") as database:
        database.executescript(
            """
            create table person (person_id integer, gender_concept_id integer,
              year_of_birth integer, month_of_birth integer, day_of_birth integer,
              birth_datetime text, race_concept_id integer, ethnicity_concept_id integer);
            insert into person values (7, 8507, 1950, 3, 2, null, 0, 0);
            create table measurement (measurement_id integer, person_id integer,
              measurement_concept_id integer, measurement_date text, measurement_datetime text,
              measurement_type_concept_id integer, value_as_number real, unit_source_value text);
            insert into measurement values
              (1, 7, 3004249, '2026-01-31', '2026-01-31 08:00:00', 32817, 141.0, 'mm[Hg]');
            """
        )
    source = declared(tmp_path, "cdm", "omop", "database: true\n")
    url = f"sqlite:///{tmp_path / 'cdm.sqlite'}"

    first = collected(tmp_path / "w", source, BEDSIDE_SOURCE_DATABASE=url)
    with sqlite3.connect(tmp_path / "cdm.sqlite") as database:
        database.execute("update measurement set value_as_number = 114.0")
    second = collected(tmp_path / "w", source, BEDSIDE_SOURCE_DATABASE=url)

    assert first["report"]["rows_in"] == {"measurement": 1, "person": 1}
    assert second["report"]["corrections"] == 1
    assert second["events"] == first["events"] + 2, "the new value, and what takes the old one back"


def test_what_a_server_deleted_is_taken_back_though_the_deletion_names_no_patient(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    code = {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]}
    observation = {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": code,
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2026-01-31T08:00:00Z",
        "issued": "2026-01-31T08:30:00Z",
        "valueQuantity": {"value": 6.9, "unit": "mmol/L", "code": "mmol/L"},
    }  # fmt: skip
    deletion = {
        "resourceType": "Bundle", "type": "transaction",
        "entry": [
            {"request": {"method": "DELETE", "url": f"Observation/{one}"}} for one in ("o1", "o9")
        ],
    }  # fmt: skip
    (data / "Observation.ndjson").write_text(json.dumps(observation) + "\n")
    source = declared(tmp_path, "ward", "fhir", 'files: ["*.ndjson"]\n')
    first = collected_from(tmp_path / "w", source, data)
    (data / "deleted.ndjson").write_text(json.dumps(deletion) + "\n")

    second = collected_from(tmp_path / "w", source, data)
    now = bedside_run(tmp_path / "w", "data", "show", "ward/collected", "--json")
    later = bedside_run(
        tmp_path / "w", "data", "show", "ward/collected", "--json",
        "--as-of", "2100-01-01T00:00:00Z",
    )  # fmt: skip

    assert first["events"] == 1
    assert second["events"] == 2, "the value, and what takes it back"
    assert "LOINC//2823-3" in now.stdout
    assert "LOINC//2823-3" not in later.stdout


def collected_from(workspace: Path, source: Path, data: Path) -> dict:
    done = bedside_run(workspace, "data", "collect", str(source), "--data", str(data), "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
