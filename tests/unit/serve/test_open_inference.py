"""The Open Inference Protocol, statement by statement; and a version that is asked for by name."""

import pytest

from bedside.core.records.rollout import Canary
from bedside.core.records.version import Stage
from bedside.serve.app import create_app
from bedside.serve.auth import TokenCheck
from open_inference import BEGIN, CHALLENGER, CHECKS, END, OWN, PAGE, a_client, table
from served import TOKEN_SHA256, VERSION, HttpClient, a_served_model, an_inference, service_for


@pytest.mark.parametrize("says", CHECKS, ids=lambda says: says[1])
def test_the_server_keeps_what_the_protocol_says(says):
    CHECKS[says](a_client())


def test_the_page_shows_what_was_tried():
    shown = PAGE.read_text().partition(BEGIN)[2].partition(END)[0].strip()

    assert shown == table().strip(), "run: PYTHONPATH=tests python tests/open_inference.py"


def test_a_version_that_is_named_answers_itself_though_a_canary_sees_every_patient():
    live, canary = a_served_model(), a_served_model(stage=Stage.CANARY)
    canary.answerer.version_id = CHALLENGER
    live.answerer.warm_up()
    service = service_for(live.answerer, canary.answerer, sepsis=Canary(share=1.0))
    client = HttpClient(create_app(service, authenticators=[TokenCheck(TOKEN_SHA256)]))
    body = an_inference(subject="MRN-1")

    answers = [client.post(f"{one}/infer", json=body) for one in ("/v2/models/sepsis", OWN)]

    assert [one.json()["model_version"] for one in answers] == [CHALLENGER, VERSION]
