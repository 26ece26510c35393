"""An answer comes back from its JSON as it was, whatever its outcome."""

import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.core.records.answer import (
    Abstention,
    AbstentionReason,
    Answer,
    Failure,
    Reason,
    ReasonSource,
    Score,
)
from bedside.interop.answer_json import (
    answer_bytes,
    answer_from_json,
    answer_to_json,
    answer_told,
)

texts = st.text(st.characters(codec="utf-8"), max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
sources = st.builds(ReasonSource, code=texts, time=st.none() | texts, row=texts)
reasons = st.builds(
    Reason,
    feature=texts,
    text=texts,
    contribution=numbers,
    measured_at=st.none() | texts,
    sources=st.lists(sources, max_size=2).map(tuple),
    source_count=st.integers(0, 9),
)
scores = st.builds(
    Score,
    risk=numbers,
    threshold=st.none() | numbers,
    alert=st.booleans(),
    reasons=st.lists(reasons, max_size=3).map(tuple),
    notes=st.lists(texts, max_size=2).map(tuple),
    outputs=st.lists(st.tuples(texts, numbers), max_size=3).map(tuple),
    low=st.none() | numbers,
    high=st.none() | numbers,
    likely=st.none() | st.lists(texts, max_size=3).map(tuple),
)
abstentions = st.builds(
    Abstention, reason=st.sampled_from(AbstentionReason), signal=texts, text=texts
)
failures = st.builds(Failure, code=texts, text=texts)
answers = st.builds(
    Answer,
    prediction_id=texts,
    model=texts,
    version=texts,
    stage=texts,
    as_of=texts,
    outcome=scores | abstentions | failures,
    shown=st.booleans(),
)


@given(answers)
def test_an_answer_comes_back_as_it_was_from_a_mapping_and_from_bytes(answer: Answer) -> None:
    written = answer_bytes(answer)

    again = answer_from_json(written)

    assert again == answer == answer_from_json(answer_to_json(answer))
    assert answer_bytes(again) == written
    assert type(again.outcome) is type(answer.outcome)


@given(answers)
def test_an_answer_whose_outcome_is_still_to_be_written_gives_the_same_bytes(
    answer: Answer,
) -> None:
    encode = msgspec.json.Encoder(order="sorted").encode

    assert encode({"answer": answer_told(answer)}) == encode({"answer": answer_to_json(answer)})


@given(answers, texts)
def test_answers_that_differ_have_other_bytes(answer: Answer, other: str) -> None:
    changed = replace(answer, prediction_id=answer.prediction_id + other + "x")

    assert answer_bytes(changed) != answer_bytes(answer)


@given(st.binary(max_size=60) | st.recursive(st.none() | texts, st.lists).map(
    lambda value: json.dumps(value).encode()
))  # fmt: skip
def test_what_is_no_answer_is_refused_and_nothing_else_happens(content: bytes) -> None:
    with pytest.raises(Invalid):
        answer_from_json(content)


def test_an_answer_without_a_needed_field_is_refused_without_its_values() -> None:
    outcome = Failure(code="model_failed", text="secret of Ada")
    told = answer_to_json(
        Answer(prediction_id="p", model="m", version="v", stage="live", as_of="t", outcome=outcome)
    )
    del told["version"]

    with pytest.raises(Invalid) as refusal:
        answer_from_json(told)

    assert "Ada" not in str(refusal.value)
