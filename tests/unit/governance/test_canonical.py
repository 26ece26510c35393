"""The fast way to write details writes the same bytes as the one canonical form."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bedside.core.ids import canonical_json
from bedside.core.records.answer import AbstentionReason
from bedside.governance.canonical import canonical_text
from bedside.governance.drafts import as_read_again

texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.floats(allow_nan=False, allow_infinity=False)
plain = st.none() | st.booleans() | st.integers() | numbers | texts
nested = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(texts, inner))


@given(st.dictionaries(texts, plain, max_size=8) | st.dictionaries(texts, nested, max_size=4))
@example({"a": 1e-5, "b": 1e16, "c": 1e15, "d": 9.999e-5, "e": 1e-4, "f": -0.0, "g": 5e-324})
@example({"a": 2**63, "b": -(2**63), "c": 2**64, "d": 10**30})
@example(
    {"\U0001f600": 1, "\uffff": 2, "\x7f": '\u2028\x00\x1f/\\"', "reason": AbstentionReason.STALE}
)
def test_the_text_is_the_canonical_one_to_the_byte(details: dict[str, Any]) -> None:
    text = canonical_text(details)

    assert text.encode() == canonical_json(details)
    assert as_read_again(details, text) == details
    assert as_read_again(details, text) is not details


def test_every_sign_is_written_as_in_the_canonical_form() -> None:
    signs = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000, 7)]))

    assert canonical_text({"text": signs}).encode() == canonical_json({"text": signs})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", [float("nan")]])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r".*"):
        canonical_text({"value": value})
