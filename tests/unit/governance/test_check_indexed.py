"""What an answer's entry may hold, so that the index finds it."""

import pytest

from bedside.core.errors import Invalid
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.governance.predictions import check_indexed

GOOD = {"prediction_id": "p", "model": "m", "stage": "live", "outcome": "score", "shown": True}


def checked(**details):
    actor = Actor(name="a", purpose="p")
    check_indexed(LedgerDraft(actor=actor, action="answer", details=GOOD | details))


@pytest.mark.parametrize("name", ["model", "caller", "reason", "request_tag", "input_digest"])
def test_a_text_of_an_answer_is_text_without_a_zero_byte_or_absent(name):
    checked()
    checked(**{name: None})
    checked(**{name: ""})
    for value in (0, False, [], 3, b"x", "a\0b"):
        with pytest.raises(Invalid) as refused:
            checked(**{name: value})
        assert refused.value.code == "prediction_details"
        assert name in str(refused.value)
