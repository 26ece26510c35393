"""What a wire has read in a request, its reader reads again in what the ledger kept of it."""

import json
from datetime import datetime
from typing import Any

import pytest

from bedside.core.errors import Invalid
from bedside.core.records.asked import Asked
from bedside.core.records.caller import Caller
from bedside.interop.answer_json import answer_from_json
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.prediction_replay import READERS
from bedside.serve.made import Question
from served import NOW, HttpClient, a_hook_call, a_served_model, a_tensor, an_inference, app_for

CALLS = {
    "open_inference": (
        "/v2/models/sepsis/infer",
        an_inference(a_tensor("lactate", 4.2), a_tensor("heart_rate", 118.0)),
    ),
    "cds_hooks": ("/cds-services/sepsis-now", a_hook_call()),
}


@pytest.mark.parametrize("channel", CALLS)
def test_the_kept_request_gives_the_same_answer_again(channel: str) -> None:
    served = a_served_model()
    served.answerer.warm_up()  # so that its first answer comes in time
    path, body = CALLS[channel]
    response = HttpClient(app_for(served.answerer)).post(path, json=body)
    assert response.status_code == 200, response.text
    entry, sealed = served.ledger.kept[-1]
    kept: dict[str, Any] = opened_answer(sealed)
    before = answer_from_json(kept["answer"])
    content, as_of = kept["request"].encode(), datetime.fromisoformat(entry.details["as_of"])

    facts = READERS[channel](served.answerer.declaration, content, as_of)

    asked = Asked(
        read=lambda _: facts,
        as_of=as_of,
        channel=channel,
        caller=Caller(name="again"),
        request=content,
    )
    (made,) = served.answerer.make([Question(asked=asked, started=NOW)])
    assert made.answer.outcome == before.outcome
    assert made.answer.as_of == before.as_of
    assert facts.subject == kept["subject"]


def test_a_call_of_a_hook_that_the_version_does_not_serve_is_not_read_as_another() -> None:
    body = json.dumps(a_hook_call() | {"hook": "encounter-discharge"}).encode()

    with pytest.raises(Invalid):
        READERS["cds_hooks"](a_served_model().answerer.declaration, body, NOW)
