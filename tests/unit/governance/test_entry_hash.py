"""The hash that is written is the hash that is checked, whatever an entry holds."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bedside.core.ids import canonical_json, digest_of
from bedside.core.records.ledger import LedgerEntry
from bedside.governance.ledger import entry_hash, hash_of_new

text = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
entries = st.fixed_dictionaries(
    {
        "sequence": st.integers(min_value=1),
        "at": text,
        "actor": text,
        "purpose": text,
        "action": text,
        "sealed_digest": st.none() | text,
        "subject_tag": st.none() | text,
        "previous": text,
    }
)


@given(entries, st.dictionaries(text, values, max_size=4))
def test_the_hash_put_together_by_hand_is_that_of_the_canonical_text(
    fields: dict[str, Any], details: dict[str, Any]
) -> None:
    entry = LedgerEntry(**fields, details=details, hash="")

    written = hash_of_new(fields, canonical_json(details).decode())

    assert written == entry_hash(entry)


@given(entries)
def test_an_entry_without_a_tag_has_the_hash_it_had_before_there_were_tags(
    fields: dict[str, Any],
) -> None:
    entry = LedgerEntry(**fields | {"subject_tag": None}, details={}, hash="")
    before = {name: value for name, value in fields.items() if name != "subject_tag"}

    assert entry_hash(entry) == digest_of(before | {"details": {}})


@given(entries, text)
def test_a_tag_that_is_added_or_changed_changes_the_hash(fields: dict[str, Any], tag: str) -> None:
    one = entry_hash(LedgerEntry(**fields, details={}, hash=""))
    other = entry_hash(LedgerEntry(**fields | {"subject_tag": tag}, details={}, hash=""))

    assert (one == other) is (fields["subject_tag"] == tag)
