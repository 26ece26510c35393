"""Laws of finding and replacing identifiers, whatever the note holds."""

import gc
import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.core.records.identifier import IdentifierKind, IdentifierSpan
from bedside.core.records.release_mode import ReleaseMode
from bedside.privacy.memory_vault import MemoryVault
from bedside.privacy.text.annotated import brat_note, json_note
from bedside.privacy.text.engine import NoteFinder
from bedside.privacy.text.known import KnownIdentifiers, find_known
from bedside.privacy.text.surrogates import Surrogates
from bedside.privacy.text.union import united
from bedside.privacy.text.weights import read_weights

PIECES = [
    "Ana Ruiz", "Dr. Müller-Ødegård", "12/03/2010", "3 de mayo", "(617) 555-1212", "王小明", "\x00",
    "\ud800", "İ", "ﬁ", "e\u0301", "\r\n", "\u2028", "93 años", "Calle Mayor, 3", "M.L.", "'s",
    "a@b.org", "IL 62704", "MRN: 12345678", "Hospital La Paz", "٣٤٥٦", "𝟙𝟚𝟛𝟜", "ß", " ", "\n",
]  # fmt: skip
notes = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=12).map("".join)
KNOWN = KnownIdentifiers(names=("Ana Müller-Ødegård",), phones=("617 555 1212",))
FINDERS = [NoteFinder("en"), NoteFinder("es")]


@given(st.lists(notes, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_spans_in_order_inside_it_and_the_same_alone_or_together(texts):
    for finder in FINDERS:
        found = finder.find(texts, [KNOWN] * len(texts))

        for text, spans in zip(texts, found, strict=True):
            edges = [edge for span in spans for edge in (span.start, span.end)]
            assert edges == sorted(edges)
            assert all(0 <= s.start < s.end <= len(text) for s in spans)
            assert finder.find([text], [KNOWN]) == [spans]


@given(notes, st.sampled_from([m for m in ReleaseMode if m is not ReleaseMode.IDENTIFIED]))
@settings(max_examples=60, deadline=None)
def test_outside_the_spans_a_note_is_its_own_and_inside_no_name_of_it_is_left(text, mode):
    spans = FINDERS[1].find([text], [KNOWN])[0]

    done = Surrogates(MemoryVault(Random(1)), mode, "es").replace(text, spans, 3)

    kept, told, at, to = [], [], 0, 0
    for old, new in zip(spans, done.spans, strict=True):
        kept.append(text[at : old.start])
        told.append(done.text[to : new.start])
        at, to = old.end, new.end
        if old.kind is IdentifierKind.NAME and text[old.start : old.end].isalpha():
            assert done.text[new.start : new.end] != text[old.start : old.end]
    assert [*kept, text[at:]] == [*told, done.text[to:]]


spans = st.lists(
    st.builds(
        lambda start, length, kind, by: IdentifierSpan(
            start=start, end=start + length, kind=kind, found_by=by
        ),
        st.integers(0, 30), st.integers(1, 12),
        st.sampled_from([IdentifierKind.NAME, IdentifierKind.PLACE, IdentifierKind.DATE]),
        st.sampled_from(["known", "pattern", "gazetteer", "tagger", "plug"]),
    ),
    max_size=8,
)  # fmt: skip


@given(spans)
def test_the_union_covers_each_character_that_was_covered_and_no_other(found):
    def covered(some):
        return {at for span in some for at in range(span.start, span.end)}

    whole = united(found)

    assert covered(whole) == covered(found)
    assert sum(span.end - span.start for span in whole) == len(covered(found))


@pytest.mark.parametrize(
    "piece",
    ["1 ", "a.", "A A", "12/12/", "M.", "+1 (", "a@", "Hospital de ", "1:", "Dr. X", "-", "\u0301"],
)
def test_hostile_repetition_takes_time_in_proportion_to_its_length(piece):
    def seconds(size):
        text = piece * (size // len(piece))
        gc.disable()  # a collection looks through what every test before this one left
        try:
            started = time.thread_time()
            for finder in FINDERS:
                finder.find([text])
            find_known(text, KNOWN)
            return time.thread_time() - started
        finally:
            gc.enable()

    seconds(2_000)
    small, large = seconds(10_000), seconds(80_000)

    assert large < 40 * small + 1  # in proportion it is 8 times; by the square, 64


@given(st.text(max_size=60), st.text(max_size=80))
@settings(max_examples=200)
def test_strangers_annotations_are_read_or_refused(text, annotations):
    for written in (annotations, f"T1\tX {annotations}", f"T1\tX 0 {len(text)}\t{text}"):
        try:
            note = brat_note("a", text, written)
        except Invalid:
            continue
        assert all(0 <= span.start < span.end <= len(text) for span in note.spans)


@given(st.one_of(st.text(max_size=80), st.recursive(st.none() | st.integers() | st.text(max_size=4),
       lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=6), inner), max_leaves=6)
       .map(repr)))  # fmt: skip
def test_strangers_lines_are_read_or_refused(line):
    with pytest.raises(Invalid):
        json_note(line)


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
@settings(max_examples=200)
def test_strangers_labellers_are_read_or_refused(data, at, byte):
    good = (
        b'{"form": "bedside-note-labeller-1", "kinds": {"X": "name"}, "labels": ["B-X", "O"], '
        b'"language": "es", "properties": ["a"]}\n' + b"\0" * 24
    )
    read_weights(good)
    changed = bytearray(good)
    changed[at % len(good)] = byte
    for written in (data, bytes(changed), good + data, good[: at % len(good)]):
        try:
            weights = read_weights(written)
        except Invalid:
            continue
        assert weights.of_properties.shape == (len(weights.properties), len(weights.labels))
