"""The HL7 v2 channel of a declaration: what is refused, with the place and the fix."""

import pytest

from bedside.core.errors import Invalid
from bedside.core.records.hl7v2_channel import Hl7v2, ResultCode
from bedside.lifecycle.package import declaration_of
from trained import DIAGNOSIS

WHOLE = (
    'hl7v2: {messages: ["ORU^R01", "ADT^A01"], receiving_application: EHR, '
    "receiving_facility: WARD, result: {code: 97535-1, system: LN}, abstentions: false}"
)


def declared(channel: str) -> bytes:
    return DIAGNOSIS.replace("channels:", f"channels:\n  {channel}").encode()


def test_a_channel_is_read_and_has_defaults_that_say_everything():
    channel = declaration_of(declared(WHOLE)).channels.hl7v2

    assert channel == Hl7v2(
        messages=("ORU^R01", "ADT^A01"),
        receiving_application="EHR",
        receiving_facility="WARD",
        result=ResultCode(code="97535-1", system="LN"),
        abstentions=False,
    )
    plain = declaration_of(declared('hl7v2: {messages: ["ORU^R01"], receiving_application: EHR}'))
    assert plain.channels.hl7v2 is not None
    assert plain.channels.hl7v2.abstentions


@pytest.mark.parametrize(
    ("changed", "place", "fix"),
    [
        (('["ORU^R01", "ADT^A01"]', "[]"), "messages", "name some"),
        (('"ADT^A01"', "ADT"), "messages[1]", "ORU^R01"),
        (('"ADT^A01"', '"ACK^A01"'), "messages[1]", "leave it out"),
        (('"ADT^A01"', '"ORU^R01"'), "messages[1]", "leave it out"),
        (("application: EHR", 'application: ""'), "receiving_application", "plain signs"),
        (("application: EHR", 'application: "E^HR"'), "receiving_application", "plain signs"),
        (("facility: WARD", 'facility: "a|b"'), "receiving_facility", "plain signs"),
        (("97535-1", '"a b\\nMSH|"'), "code", "plain signs"),
        (("system: LN", "system: http://loinc.org"), "system", "0396"),
        (("abstentions", "abstain"), "hl7v2", "abstentions"),
    ],
)
def test_what_cannot_be_sent_or_never_asks_is_refused_with_its_place(changed, place, fix):
    with pytest.raises(Invalid) as refused:
        declaration_of(declared(WHOLE.replace(*changed)))

    assert place.partition("[")[0] in str(refused.value)
    assert fix in str(refused.value)


def test_an_address_cannot_be_declared():
    with pytest.raises(Invalid, match="target"):
        declaration_of(declared(WHOLE.replace("abstentions: false", "target: 10.0.0.7")))
