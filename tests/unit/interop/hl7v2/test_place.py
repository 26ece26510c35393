"""Where a question came from: of messages and of kept questions, whatever stands in them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.interop.hl7v2.kept import kept_question
from bedside.interop.hl7v2.message import read_message
from bedside.interop.hl7v2.place import NOWHERE, Place, place_told

MESSAGE = "MSH|^~\\&|LAB|St Anna^1|B|X\rPID|1||7\rPV1|1|I|7 West^12^1"


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        (MESSAGE, Place("St Anna", "7 West")),
        ('{"patient":"7","sender":["LAB","St Anna"],"ward":"7 West"}', Place("St Anna", "7 West")),
        ('{"patient":"7","sender":["LAB","St Anna"]}', Place("St Anna", "")),
        ('{"patient":"7","encounter":null,"parameters":{}}', NOWHERE),
        ('{"patient":"7","sender":"St Anna"}', NOWHERE),
        ('{"inputs":[]}', NOWHERE),
        ("{}", NOWHERE),
        ("", NOWHERE),
        (None, NOWHERE),
    ],
)
def test_a_place_is_read_where_a_message_says_it(request_, place):
    assert place_told(request_) == place


def test_a_question_that_a_message_led_to_keeps_its_place():
    content = MESSAGE.replace("|X\r", "|X|20260301||ORU^R01|7|P|2.5\r").encode()
    header = read_message(content).header

    kept = kept_question(header, content, patient="7", events=[])

    assert place_told(kept.decode()) == Place("St Anna", "7 West")


@given(st.text(), st.text(), st.booleans())
def test_what_is_read_may_stand_in_a_sentence(one, other, kept):
    text = f"MSH|^~\\&|L|{one}|\rPV1|1|I|{other}"
    if kept:
        text = '{"patient":"7",' + json.dumps({"sender": ["L", one], "ward": other})[1:]

    for name in place_told(text):
        assert len(name) <= 40
        assert not name or name.isprintable()
