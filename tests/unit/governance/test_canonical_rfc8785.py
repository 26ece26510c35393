"""Where the ledger's canonical JSON is RFC 8785, and where it is not: docs/reference/ledger.md."""

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.ids import canonical_json

_NAMES = st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0xD7FF))
_ALIKE = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.floats(1e-4, 1e15, exclude_max=True).filter(lambda one: not one.is_integer())
)
_VALUES = st.recursive(
    _ALIKE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=10,
)


@given(_VALUES)
def test_it_is_rfc_8785_for_text_truth_whole_numbers_and_ordinary_fractions(value):
    assert canonical_json(value) == rfc8785.dumps(value)


def test_it_differs_in_these_numbers_and_in_the_order_of_rare_names():
    ours_and_theirs = [
        (1.0, b"1.0", b"1"),
        (-0.0, b"-0.0", b"0"),
        (1e-05, b"1e-05", b"0.00001"),
        (1e-07, b"1e-07", b"1e-7"),
        (1e16, b"1e+16", b"10000000000000000"),
        (1e22, b"1e+22", b"1e+22"),
        (1.5e300, b"1.5e+300", b"1.5e+300"),
    ]
    for value, ours, theirs in ours_and_theirs:
        assert canonical_json(value) == ours
        assert rfc8785.dumps(value) == theirs
    high, private = "\U0001f600", "￼"  # by UTF-16 units the first sorts before the second
    assert canonical_json({private: 1, high: 2}) != rfc8785.dumps({private: 1, high: 2})
    assert canonical_json(2**53 + 1) == b"9007199254740993"  # RFC 8785 has no such number
