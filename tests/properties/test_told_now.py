"""Values that are told at once are scored as the events that they stand for, to the last bit."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError, Invalid
from bedside.core.records.told_now import ToldNow
from bedside.features.definition import expand
from bedside.features.inputs import check_inputs, clean_events
from bedside.features.single import features_of, features_of_several
from bedside.interop.open_inference.request import read_request
from bedside.serve.made import tried
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
    code = as_events[-1].code
    assert read.of({code}) == [one for one in as_events if one.code == code]
    assert outcome(declaration, features, read) == outcome(declaration, features, as_events)


@given(told=requests, name=st.sampled_from(sorted(SERVED)), more=st.floats(-9.0, 9.0))
@settings(max_examples=100, deadline=None)
def test_patients_who_are_asked_about_together_have_the_features_that_each_has_alone(
    told, name, more
):
    declaration, features = SERVED[name]
    several = []
    for step in range(3):
        tensors = (a_tensor(name, float(value) + step * more) for name, value in told)
        body, now = json.dumps(an_inference(*tensors)).encode(), NOW + timedelta(hours=step)
        several.append((read_request(body, declaration, now=now).events, now))

    together = features_of_several(features, several)

    alone = [features_of(features, tuple(events), now) for events, now in several]
    assert [row.tobytes() for row in together] == [row.tobytes() for row in alone]


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

    read = tried(lambda: read_request(body, WARD, now=NOW).events)

    assert not isinstance(read, ToldNow)
    assert not isinstance(read, BedsideError) or "nput" in str(read)


def test_an_input_that_is_given_twice_is_refused():
    body = json.dumps({"inputs": [a_tensor("lactate", 1.0), a_tensor("lactate", 2.0)]}).encode()

    with pytest.raises(Invalid, match="again"):
        read_request(body, WARD, now=NOW)
