"""What is sealed of an answer comes back whole, with the request as it came."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.interop.sealed_answer import opened_answer, sealed_answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TOLD = st.dictionaries(st.text().filter(lambda name: name != "request"), JSON, max_size=5)


@given(told=TOLD, request_text=st.text())
def test_what_is_sealed_comes_back_with_the_request(told, request_text):
    content = sealed_answer(told, request_text.encode())
    assert opened_answer(content) == told | {"request": request_text}


@given(told=TOLD, request_text=st.text())
def test_a_record_of_before_is_read_as_well(told, request_text):
    old = json.dumps(told | {"request": request_text}, sort_keys=True).encode()
    assert opened_answer(old) == told | {"request": request_text}


def test_a_request_that_is_no_text_is_not_sealed():
    with pytest.raises(ValueError, match="utf-8"):
        sealed_answer({}, b"\xff")
