"""What a replayed patient's system sends at each moment is what was known then, and no more."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bedside.features.inputs import visible_at
from bedside.features.single import says
from bedside.interop.open_inference.metadata import inputs_of
from bedside.interop.open_inference.request import read_request
from bedside.lifecycle.replay_history import History, inputs_by_code, request_body
from served import NOW, START, a_declaration, an_event

DECLARED = a_declaration()
INPUTS = inputs_by_code(inputs_of(DECLARED))
ROWS = [b"", b"row 1", b"row 2", b"row 3"]


def hours(number):
    return NOW + timedelta(hours=number)


@st.composite
def an_any_event(draw):
    happened, later = draw(st.integers(0, 6)), draw(st.integers(0, 4))
    code = draw(st.sampled_from(["LOINC//2524-7", "LOINC//8867-4", "AGE//years", START, "OTHER"]))
    is_static, is_mark = code == "AGE//years", code == START
    value = None if is_mark else draw(st.floats(1, 30).map(lambda one: round(one, 2)))
    replaces = draw(st.sampled_from([None, None, *ROWS[1:]]))
    if replaces is not None and draw(st.booleans()):
        value = None
    return an_event(
        code,
        value,
        time=None if is_static else hours(happened),
        known_at=hours(happened + later),
        source_row=draw(st.sampled_from(ROWS)),
        replaces=replaces,
    )


def told(events):
    """What the features see of events, whatever their order and their records."""
    return sorted(
        (one.code, str(one.time), str(one.known_at), one.value, one.text)
        for one in events
        if one.code in INPUTS and (one.value is not None or INPUTS[one.code].datatype == "BOOL")
    )


@given(st.lists(an_any_event(), max_size=12), st.lists(st.integers(0, 12), min_size=1, max_size=5))
def test_a_request_tells_what_could_be_seen_at_its_moment_and_nothing_else(events, moments):
    history = History(events, INPUTS)

    for moment in sorted(moments):
        tensors = history.tensors_at(hours(moment))
        body = request_body(tensors, request_id="r", pseudonym=7, as_of=hours(moment))
        read = read_request(body, DECLARED, now=NOW)

        seen = [one for one in visible_at(events, hours(moment)) if says(one)]
        assert told(read.events) == told(seen)
        assert (read.subject_id, read.as_of, read.id) == (7, hours(moment), "r")


def test_a_value_is_corrected_from_the_moment_at_which_the_correction_was_known():
    first = an_event("LOINC//2524-7", 2.0, time=hours(1), known_at=hours(2), source_row=b"a")
    better = an_event(
        "LOINC//2524-7", 4.0, time=hours(1), known_at=hours(5), source_row=b"b", replaces=b"a"
    )
    history = History([better, first], INPUTS)

    said = [
        [one["data"] for one in history.tensors_at(hours(moment))] for moment in (1, 2, 4, 5, 9)
    ]

    assert said == [[], [[2.0]], [[2.0]], [[4.0]], [[4.0]]]


def test_the_same_moment_of_the_same_patient_is_the_same_bytes_whenever_it_is_made():
    events = [an_event("LOINC//8867-4", 80.0 + n, time=hours(n), known_at=hours(n)) for n in (1, 2)]
    made = [
        request_body(
            History(events, INPUTS).tensors_at(hours(3)),
            request_id="r", pseudonym=1, as_of=hours(3),
        )
        for _ in range(2)
    ]  # fmt: skip

    assert all(one == other for one, other in pairwise(made))
