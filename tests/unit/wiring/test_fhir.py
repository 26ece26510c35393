"""The one FHIR server of a workspace, and letters that survive a backup."""

import json
import os
import stat
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from bedside.cli.main import app
from bedside.core.clock import SystemClock
from bedside.core.errors import Invalid
from bedside.core.records.fhir_export import FhirServerOptions
from bedside.core.records.fhir_letter import Letter, LetterState
from bedside.data.adapters.fhir_server import FhirServer
from bedside.wiring.backup import backup_workspace, restore_workspace
from bedside.wiring.fhir import Looking, outbox_of
from bedside.wiring.fhir_settings import SCOPE, fhir_settings
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from fhir_collecting import Note, at_once
from fhir_server import a_fhir_server

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SERVER = "https://fhir.example.org/r4"


def test_the_server_is_the_configured_one_and_asks_for_no_more_than_it_needs(tmp_path):
    (tmp_path / "key.pem").write_bytes(b"the key")
    environment = {
        "BEDSIDE_FHIR_SERVER": f"{SERVER}/",
        "BEDSIDE_FHIR_CLIENT_ID": "ward-7",
        "BEDSIDE_FHIR_KEY": str(tmp_path / "key.pem"),
    }

    settings = fhir_settings(SERVER, environment)

    assert settings.server == SERVER
    assert settings.private_key == b"the key"
    assert settings.options.scope == SCOPE
    assert "system/Patient.rs" in SCOPE.split()
    assert "system/RiskAssessment.crs" in SCOPE.split()
    assert "*" not in SCOPE


@pytest.mark.parametrize(
    ("server", "environment"),
    [
        (None, {}),
        ("https://other.example.org", {"BEDSIDE_FHIR_SERVER": SERVER}),
        ("http://fhir.example.org/r4", {}),
        ("ftp://fhir.example.org", {}),
        (SERVER, {}),
        (SERVER, {"BEDSIDE_FHIR_CLIENT_ID": "ward-7"}),
        (SERVER, {"BEDSIDE_FHIR_CLIENT_ID": "ward-7", "BEDSIDE_FHIR_KEY": "/nowhere/key.pem"}),
    ],
)
def test_no_other_server_and_none_in_clear_or_without_a_key_is_written_to(server, environment):
    with pytest.raises(Invalid) as refused:
        fhir_settings(server, environment)

    assert "/nowhere" not in str(refused.value)


def test_this_machine_may_be_watched_without_a_key():
    assert fhir_settings("http://127.0.0.1:8080/fhir", {}).private_key is None


def test_a_watch_never_looks_without_a_pause():
    with pytest.raises(Invalid):
        Looking(every="0 s")


def fhir_key(folder, *arguments, **environment):
    told = ["fhir", "key", *arguments, "--workspace", str(folder / "w"), "--json"]
    return CliRunner().invoke(app, told, env=environment)


def test_a_key_that_is_made_and_registered_lets_us_in(tmp_path):
    file, server = tmp_path / "fhir.pem", a_fhir_server()

    made = json.loads(fhir_key(tmp_path, "--new", str(file)).stdout)
    shown = json.loads(fhir_key(tmp_path, BEDSIDE_FHIR_KEY=str(file)).stdout)
    server.set(clients={"ward-7": shown})
    options = FhirServerOptions(base_url=server.base, client_id="ward-7")
    key = file.read_bytes()
    with FhirServer(options, private_key=key, clock=SystemClock(), sleep=at_once) as client:
        parts = list(client.export(Note()))

    assert made == shown
    assert [one["alg"] for one in shown["keys"]] == ["ES384"]
    assert "d" not in shown["keys"][0]
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert parts
    ledger = CliRunner().invoke(app, ["ledger", "show", "--workspace", str(tmp_path / "w")])
    assert ledger.stdout.count("fhir.key") == 1


def test_a_key_is_never_written_over_and_shown_only_where_there_is_one(tmp_path):
    file = tmp_path / "fhir.pem"
    file.write_bytes(b"registered")

    again = fhir_key(tmp_path, "--new", str(file))
    unfit = fhir_key(tmp_path, BEDSIDE_FHIR_KEY=str(file))
    unnamed = fhir_key(tmp_path, BEDSIDE_FHIR_KEY="")

    assert json.loads(again.stdout)["code"] == "key_exists"
    assert json.loads(unfit.stdout)["code"] == "key_unfit"
    assert "BEDSIDE_FHIR_KEY" in json.loads(unnamed.stdout)["fix"]
    assert file.read_bytes() == b"registered"


def test_letters_come_back_with_a_backup(tmp_path):
    actor, progress = actor_of("test", "test"), LineProgress()
    platform = open_workspace(tmp_path / "w", actor=actor, progress=progress)
    letter = Letter(
        key="k",
        prediction_id="p",
        model="sepsis",
        sent_to=SERVER,
        subject_tag="t",
        state=LetterState.WAITING,
        at=NOW,
        content=b"{}",
        due=NOW,
    )
    outbox_of(platform).put(letter)
    backup_workspace(platform, str(tmp_path / "b"), prune=False)

    restore_workspace(
        str(tmp_path / "b"),
        tmp_path / "again",
        name=None,
        key_file=tmp_path / "w" / "keys" / "keyring.json",
        actor=actor,
        progress=progress,
    )

    again = open_workspace(tmp_path / "again", actor=actor, progress=progress)
    assert list(outbox_of(again).due(SERVER, NOW, most=9)) == [letter]
