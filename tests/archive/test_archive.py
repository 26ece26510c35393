"""Bundles of the past are opened, verified and explained, and answer as they once did."""

import asyncio

import httpx
import pytest

from bedside.core.clock import SystemClock
from bedside.core.errors import Refused
from bedside.core.records.bundle import FEATURES, MODEL
from bedside.core.records.ledger import Actor
from bedside.core.records.version import Stage
from bedside.deploy.adapters.openssf import OpenSsfSigner
from bedside.deploy.package.older import form_to_explain
from bedside.features.definition import feature_set_from_json
from bedside.infra.runtime.explaining import FormExplainer
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.lifecycle.opening import opened
from bedside.serve.answer import Answerer
from bedside.serve.app import create_app
from bedside.serve.auth import TokenCheck, token_digest
from bedside.serve.service import Service, models_of
from exported import ARCHIVE, TOKEN, a_request, an_old_bundle
from served import MemoryLedger

NAMES = sorted(path.stem for path in ARCHIVE.glob("*.zip"))


def test_the_archive_holds_bundles():
    assert len(NAMES) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_of_the_past_still_answers_its_worked_example(name, tmp_path):
    old = an_old_bundle(name, tmp_path)
    bundle = opened(old.bundles, old.digest, OpenSsfSigner(None, old.trusted))
    features = feature_set_from_json(bundle.files[FEATURES])
    answerer = Answerer(
        bundle,
        f"diagnosis@{old.digest[:12]}",
        Stage.LIVE,
        OnnxPredictor(bundle.files[MODEL]),
        FormExplainer(form_to_explain(bundle.files, features)),
        MemoryLedger(),
        SystemClock(),
        Actor(name="test", purpose="test"),
    )
    app = create_app(
        Service(models_of([answerer], {})), authenticators=[TokenCheck(token_digest(TOKEN))]
    )
    request, risk = a_request(bundle.files)

    answer = asyncio.run(asked(app, request))

    told = {one["name"]: one["data"][0] for one in answer["outputs"]}
    assert told["outcome"] == "score"
    assert told["risk"] == pytest.approx(risk, abs=1e-9)
    assert len(answer["parameters"]["reasons"]) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_of_the_past_that_was_changed_is_refused(name, tmp_path):
    old = an_old_bundle(name, tmp_path)
    model = old.bundles / old.digest / MODEL
    model.write_bytes(model.read_bytes()[:-1] + b"\0")

    with pytest.raises(Refused) as refusal:
        opened(old.bundles, old.digest, OpenSsfSigner(None, old.trusted))

    assert refusal.value.code == "bundle_tampered"


async def asked(app, request):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.post(
            "/v2/models/diagnosis/infer",
            json=request,
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
    assert response.status_code == 200, response.text
    return response.json()
