"""Values that are told at once are scored as the events that they stand for, to the last bit."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError
from bedside.core.records.told_now import ToldNow
from bedside.features.definition import expand
from bedside.features.inputs import check_inputs, clean_events
from bedside.features.single import features_of
from bedside.interop.open_inference.request import read_request
from served import NOW, a_declaration, a_tensor, an_inference

NUMBERS = ("lactate", "heart_rate", "systolic", "temperature", "age")
WARD = a_declaration()
WITHOUT_RULES = a_declaration(eligibility=())
SERVED = {id(one): (one, expand(one)) for one in (WARD, WITHOUT_RULES)}

values = st.one_of(
    st.floats(0.0, 400.0), st.floats(-1e308, 1e308), st.integers(0, 300), st.sampled_from([0.0])
)
requests = st.dictionaries(st.sampled_from(NUMBERS), values, min_size=1).flatmap(
    lambda told: st.permutations(sorted(told)).map(lambda names: [(n, told[n]) for n in names])
)


def outcome(declaration: Any, features: Any, events: Any) -> tuple[Any, ...]:
    """Everything that is made of a patient's events before a model is run."""
    clean, rejected = clean_events(declaration.signals, events)
    row = features_of(features, clean, NOW)
    return list(clean), rejected, check_inputs(declaration, clean, rejected, NOW), row.tobytes()


@given(told=requests, name=st.sampled_from(sorted(SERVED)))
@settings(max_examples=150, deadline=None)
def test_values_told_now_make_the_same_features_and_the_same_abstention_as_events(told, name):
    declaration, features = SERVED[name]
    body = json.dumps(an_inference(*(a_tensor(name, value) for name, value in told))).encode()

    read = read_request(body, declaration, now=NOW).events

    as_events = tuple(read)
    assert [(e.code, e.value) for e in as_events] == [
        (declaration.signals[name].code, float(value)) for name, value in told
    ]
    assert outcome(declaration, features, read) == outcome(declaration, features, as_events)


@given(
    told=requests,
    odd=st.sampled_from(
        [
            {"parameters": {"unit": "mmol/L"}},
            {"shape": [2], "data": [1.0, 2.0]},
            {"datatype": "INT64"},
            {"data": ["x"]},
            {"data": [None]},
            {"name": "unheard-of"},
            {"content_type": "np"},
        ]
    ),
)
@settings(max_examples=60, deadline=None)
def test_what_is_not_plain_is_read_as_ever_or_refused_in_words(told, odd):
    tensors = [a_tensor(name, float(value)) for name, value in told]
    tensors[-1] |= odd
    body = json.dumps({"inputs": tensors}).encode()

    try:
        read = read_request(body, WARD, now=NOW)
    except BedsideError as error:
        assert "inputs" in str(error) or "Input" in str(error)
    else:
        assert not isinstance(read.events, ToldNow)


def test_an_input_that_is_given_twice_is_refused():
    body = json.dumps({"inputs": [a_tensor("lactate", 1.0), a_tensor("lactate", 2.0)]}).encode()

    try:
        read_request(body, WARD, now=NOW)
    except BedsideError as error:
        assert "again" in str(error)
    else:
        raise AssertionError("it was read")
