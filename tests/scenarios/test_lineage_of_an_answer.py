"""From an answer at the bedside down to the raw bytes, of the model and of the question itself."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bedside.core.errors import NotFound
from bedside.core.ids import digest_bytes, subject_pseudonym
from bedside.core.records.version import Stage
from bedside.features.definition import feature_set_from_json
from bedside.interop.cds_hooks.request import read_call
from bedside.interop.fhir.places import resource_places
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.erase import erase
from bedside.lifecycle.explain_features import explain_features
from bedside.lifecycle.lineage import lineage
from bedside.lifecycle.openlineage import openlineage_events
from bedside.lifecycle.release import approve, open_bundle, release
from bedside.serve.auth import token_digest
from bedside.wiring.progress import LineProgress
from bedside.wiring.server import app_of
from bedside.wiring.workspace import actor_of, open_workspace
from planted import a_planted_model, bedside_run, case

pytestmark = pytest.mark.xdist_group("lineage_of_an_answer")  # its fixtures are made once

LATER = datetime(2000, 1, 2, tzinfo=UTC)  # a day after every case of the file
TOKEN = "the token of this test"  # noqa: S105 - opens nothing outside the test


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    """A workspace whose version of the planted model is silent."""
    folder = tmp_path_factory.mktemp("answers")
    model = a_planted_model(folder / "model")
    workspace = folder / "w"
    done = bedside_run(workspace, "build", str(model), "--data", str(model), "--json")
    assert done.returncode == 0, done.stderr
    platform = open_workspace(workspace, actor=actor_of("t", "test"), progress=LineProgress())
    version = json.loads(done.stdout)["version"]
    approve(platform, version, name="A B", meaning="reviewed")
    release(platform, version, Stage.SILENT)
    return platform, version, model


def asked(platform, version, subject):
    bundle = open_bundle(platform, platform.registry.get(version))
    declared = {s.code: name for name, s in bundle.declaration.signals.items()}
    codes = feature_set_from_json(bundle.files["features.json"]).codes
    inputs = [
        {"name": declared[code], "shape": [1], "datatype": "FP64", "data": [12.5]} for code in codes
    ]
    body = {"inputs": inputs, "parameters": {"subject": subject}}

    async def post():
        transport = httpx.ASGITransport(app_of(platform, token_digest(TOKEN)))
        client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        async with client:
            url = f"/v2/models/{version.split('@')[0]}/infer"
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            return await client.post(url, json=body, headers=headers)

    answer = asyncio.run(post())
    assert answer.status_code == 200, answer.text
    return [e for e in platform.ledger.entries() if e.action == "answer"][-1]


def test_an_answer_leads_to_its_own_request_and_through_its_version_to_the_raw_file(silent):
    platform, version, model = silent
    entry = asked(platform, version, case(500))

    found = lineage(platform, entry.details["prediction_id"])

    kinds, branch = [], found.made_of
    while branch.branches:
        (branch,) = branch.branches
        kinds.append(branch.node.kind)
    assert kinds == ["version", "snapshot", "snapshot", "raw"]
    assert branch.text == "biopsies.csv, 569 records"
    (record,) = found.records
    request = opened_answer(platform.ledger.unseal(entry.sequence))["request"].encode()
    assert (record.offset, record.length) == (0, len(request))
    up = lineage(platform, str(model / "biopsies.csv")).made_from
    assert entry.details["prediction_id"] in str(up)


def test_each_reason_of_an_answer_leads_to_the_bytes_of_its_own_input(silent):
    platform, version, _ = silent
    entry = asked(platform, version, case(503))

    found = lineage(platform, entry.details["prediction_id"])

    sealed = opened_answer(platform.ledger.unseal(entry.sequence))
    request = sealed["request"].encode()
    assert 1 <= len(found.reasons) <= 5
    for reason, kept in zip(found.reasons, sealed["answer"]["outcome"]["reasons"], strict=True):
        (record,) = reason.records
        assert reason.feature == kept["feature"]
        assert record.codes == (kept["sources"][0]["code"],)
        content = json.loads(request[record.offset : record.offset + record.length])
        assert content["name"] == reason.feature.removesuffix(".last")
        assert "12.5" not in reason.title


def test_an_explained_feature_leads_to_its_own_cell_of_the_raw_file(silent):
    platform, version, model = silent
    declaration = open_bundle(platform, platform.registry.get(version)).declaration
    raw = (model / "biopsies.csv").read_bytes()
    head = raw.split(b"\n", 1)[0].decode().split(",")

    told = explain_features(platform, version, model, case(500), LATER)

    assert len(told.features) == 30
    for one in told.features:
        (record,) = one.sources
        row = raw[record.offset :].split(b"\n", 1)[0].decode().split(",")
        column = declaration.signals[one.feature.name.removesuffix(".last")].column
        assert row[head.index("case")] == case(500)
        assert float(row[head.index(column)]) == one.value
        assert record.file == digest_bytes(raw)
        assert one.text.endswith(", measured 24 h ago")


def test_every_look_at_a_subject_is_in_the_ledger_and_names_nobody_in_the_open(silent):
    platform, version, model = silent

    explain_features(platform, version, model, case(500), LATER, only="mean_radius.last")

    entry = list(platform.ledger.entries())[-1]
    assert (entry.action, entry.actor, entry.purpose) == ("features.explain", "t", "test")
    assert entry.details["model"] == version
    subject = subject_pseudonym(case(500), salt=declared_salt(platform, version))
    assert json.loads(platform.ledger.unseal(entry.sequence)) == {"subject": subject}
    assert str(subject) not in json.dumps(entry.details)


def test_a_look_at_somebody_unknown_is_in_the_ledger_too(silent):
    platform, version, model = silent

    with pytest.raises(NotFound):
        explain_features(platform, version, model, "nobody was ever called so", LATER)

    entry = list(platform.ledger.entries())[-1]
    assert (entry.action, entry.details["found"]) == ("features.explain", False)
    assert entry.sealed_digest is None


def declared_salt(platform, version):
    bundle = open_bundle(platform, platform.registry.get(version))
    return bundle.declaration.data.pseudonym_salt


@pytest.mark.parametrize(
    ("subject", "moment", "only"),
    [
        ("nobody was ever called so", LATER, None),
        (case(500), LATER - timedelta(days=10), None),
        (case(500), LATER, "mean_radius.lost"),
    ],
)
def test_what_is_not_there_is_not_explained(silent, subject, moment, only):
    platform, version, model = silent

    with pytest.raises(NotFound) as told:
        explain_features(platform, version, model, subject, moment, only=only)

    assert subject not in str(told.value)


def test_every_answer_and_every_step_is_an_openlineage_event(silent):
    platform, version, _ = silent
    entry = asked(platform, version, case(501))

    events = openlineage_events(platform)

    jobs = {event["job"]["name"] for event in events}
    assert {"collect", "prepare", "build", "answer"} <= jobs
    outputs = {one["name"] for event in events for one in event["outputs"]}
    assert {version, entry.details["prediction_id"]} <= outputs
    assert "XANADU" not in json.dumps(events)


def test_the_request_of_an_erased_patient_cannot_be_read_again(silent):
    platform, version, model = silent
    entry = asked(platform, version, case(502))

    done = erase(platform, case(502))

    assert done.predictions >= 1
    assert lineage(platform, entry.details["prediction_id"]).records == ()
    assert platform.ledger.verify() == []
    with pytest.raises(NotFound):
        explain_features(platform, version, model, case(502), LATER)
    assert explain_features(platform, version, model, case(500), LATER).features
    with pytest.raises(NotFound):
        erase(replace(platform), "nobody was ever called so")


def test_the_place_of_a_resource_is_its_bytes_even_when_two_are_the_same():
    resource = '{"resourceType":"Observation","status":"final"}'
    entries = ", ".join(f'{{"resource": {resource}}}' for _ in range(2))
    bundle = f'{{"resourceType":"Bundle","entry":[{entries}]}}'
    body = (
        '{"hook":"patient-view","hookInstance":"d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",'
        '"context":{"patientId":"p"},"prefetch":{"labs": ' + bundle + ', "one": ' + resource + "}}"
    ).encode()
    call = read_call(body, hook="patient-view")

    places = resource_places(body, call.prefetch)

    assert [p.where for p in places] == ["labs.entry[0].resource", "labs.entry[1].resource", "one"]
    assert len({place.offset for place in places}) == 3
    for place in places:
        assert body[place.offset : place.offset + place.length] == resource.encode()
