"""Samples, bounds and agreement: what a recall certificate is made of."""

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from bedside.core.errors import Invalid, Refused
from bedside.core.records.certificate import Found, RecallCertificate, Required
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.privacy.text.agreement import check_adjudicated, disagreements, together
from bedside.privacy.text.annotated import LabelledSpan
from bedside.privacy.text.certificate_json import certificate_of, signed_certificate
from bedside.privacy.text.certificate_page import certificate_page
from bedside.privacy.text.identity import engine_identity
from bedside.privacy.text.lists import bundled_lists
from bedside.privacy.text.measured import ReadNote, bounds, bounds_of_clusters, measured
from bedside.privacy.text.sampling import allocated, draw_sample, note_digest

SIGNER = Ed25519Signer(bytes(32))


def a_span(start: int, end: int, label: str = "name") -> LabelledSpan:
    return LabelledSpan(start=start, end=end, label=label)


def a_note(text: str, *found: LabelledSpan, truth: tuple[LabelledSpan, ...] = ()) -> ReadNote:
    return ReadNote(
        text=text, type="letter", truth=truth, first=truth, second=truth, found=tuple(found)
    )


def a_certificate(hits: int = 400, of: int = 400) -> RecallCertificate:
    def found(group: str) -> Found:
        low, high = bounds(hits, of)
        return Found(group=group, hits=hits, of=of, low=low, high=high)

    one = found("name")
    return RecallCertificate(
        data="ward/prepared",
        columns=("LOCAL//letter",),
        engine=engine_identity("en", labeller="a" * 64),
        sample="b" * 64,
        truth="c" * 64,
        population=5_000,
        notes=100,
        draw=1,
        earlier=1,
        readers=("ana", "ben"),
        blind=("ben",),
        adjudicator="cem",
        disagreements=7,
        readers_found=(one, one),
        overall=one,
        names=one,
        by_kind=(one,),
        by_origin=(replace(one, group="nl"),),
        by_type=(replace(one, group="<letter>"),),
        clean_notes=one,
        precision=one,
        required=Required(),
        made_at="2026-01-01T00:00:00Z",
        expires_at="2027-01-01T00:00:00Z",
    )


@given(st.integers(1, 3000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_each_bound_is_the_exact_one_of_clopper_and_pearson(share: tuple[int, int]) -> None:
    hits, of = share

    low, high = bounds(hits, of)

    sides = {
        side: binomtest(hits, of, alternative=side).proportion_ci(0.95, method="exact")
        for side in ("greater", "less")
    }
    assert math.isclose(low, sides["greater"].low, abs_tol=1e-9)
    assert math.isclose(high, sides["less"].high, abs_tol=1e-9)


@given(st.lists(st.integers(0, 12).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))))
def test_bounds_of_notes_are_never_narrower_than_those_of_single_identifiers(
    pairs: list[tuple[int, int]],
) -> None:
    low, high = bounds_of_clusters(pairs)

    alone = bounds(sum(hits for hits, _ in pairs), sum(of for _, of in pairs))
    assert 0 <= low <= alone[0] + 1e-12
    assert alone[1] - 1e-12 <= high <= 1


def test_a_note_that_is_missed_whole_widens_the_bounds() -> None:
    spread = bounds_of_clusters([(9, 10)] * 10)
    heaped = bounds_of_clusters([(10, 10)] * 9 + [(0, 10)])

    assert heaped[0] < spread[0] - 0.1


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 400), min_size=1),
    st.floats(0, 1),
)
def test_types_are_drawn_in_proportion_and_none_is_forgotten(
    sizes: dict[str, int], share: float
) -> None:
    total = sum(sizes.values())
    many = max(len(sizes), round(share * total))

    chosen = allocated(sizes, many)

    assert sum(chosen.values()) == many
    assert all(1 <= chosen[kind] <= sizes[kind] for kind in sizes)
    ones = len(sizes)
    assert all(abs(chosen[k] - many * sizes[k] / total) < 1 + ones for k in sizes)


def test_every_note_of_a_type_is_drawn_as_often() -> None:
    digests = [note_digest(f"note {at}") for at in range(20)]
    types = ["ward"] * 12 + ["letter"] * 8

    counts = Counter(
        place for seed in range(2000) for place in draw_sample(digests, types, 5, str(seed)).places
    )

    # Of a type, 3 of 12 and 2 of 8 are drawn: each note in 500 of 2000, give or take 5 sd.
    assert all(abs(counts[place] - 500) < 5 * math.sqrt(2000 * 0.25 * 0.75) for place in range(20))


@given(st.permutations(list(range(12))))
def test_the_order_of_notes_does_not_change_a_sample(order: list[int]) -> None:
    texts = [f"note {at}" for at in range(12)]
    types = ["ward" if at % 3 else "letter" for at in range(12)]

    def drawn(places: list[int]) -> list[str]:
        digests = [note_digest(texts[at]) for at in places]
        found = draw_sample(digests, [types[at] for at in places], 5, "seed").places
        return [texts[places[at]] for at in found]

    assert drawn(order) == drawn(list(range(12)))


def test_an_identifier_counts_only_when_all_its_letters_are_taken() -> None:
    truth = (a_span(8, 17), a_span(21, 31, "date"))
    note = a_note("Seen by Ana Ruiz. on 2020-03-04", a_span(8, 11), a_span(20, 31, "other"),
                  truth=truth)  # fmt: skip

    told = measured([note], bundled_lists())

    assert (told.overall.hits, told.overall.of) == (1, 2)
    assert (told.names.hits, told.names.of) == (0, 1)
    assert told.clean_notes.hits == 0
    assert [one.group for one in told.by_kind] == ["date", "name"]


def test_readers_who_marked_nothing_prove_nothing() -> None:
    with pytest.raises(Invalid, match="marked nothing"):
        measured([a_note("nothing here")], bundled_lists())


spans = st.lists(st.integers(0, 30), unique=True, max_size=8).map(
    lambda cuts: tuple(
        a_span(start, end)
        for start, end in zip(sorted(cuts)[::2], sorted(cuts)[1::2], strict=False)
    )
)


@given(spans, spans)
def test_what_either_marked_is_marked_in_the_union_and_may_be_decided(
    first: tuple[LabelledSpan, ...], second: tuple[LabelledSpan, ...]
) -> None:
    union = together(first, second)

    def marked(of: tuple[LabelledSpan, ...]) -> set[int]:
        return {at for span in of for at in range(span.start, span.end)}

    assert marked(union) == marked(first) | marked(second)
    assert all(a.end <= b.start for a, b in pairwise(union))
    assert bool(disagreements(first, second)) == (first != second)
    check_adjudicated(first, second, union)
    both = marked(first) & marked(second)
    if both:
        with pytest.raises(Refused):
            check_adjudicated(first, second, ())


def test_a_certificate_comes_back_as_it_was_signed() -> None:
    certificate = a_certificate()

    assert certificate_of(signed_certificate(certificate, SIGNER), SIGNER) == certificate
    assert certificate.passed
    assert not a_certificate(hits=380).passed


@given(st.data())
def test_a_certificate_of_which_a_sign_was_changed_is_refused(data: st.DataObject) -> None:
    signed = bytearray(signed_certificate(a_certificate(hits=380), SIGNER))
    at = data.draw(st.integers(0, len(signed) - 1))
    signed[at] ^= data.draw(st.integers(1, 127))

    with pytest.raises(Refused) as refused:
        certificate_of(bytes(signed), SIGNER)

    assert refused.value.code == "bad_certificate"


def test_a_certificate_by_another_key_is_refused() -> None:
    signed = signed_certificate(a_certificate(), Ed25519Signer(b"1" * 32))

    with pytest.raises(Refused):
        certificate_of(signed, SIGNER)


@given(st.binary(max_size=200))
def test_strangers_bytes_are_no_certificate(content: bytes) -> None:
    with pytest.raises(Refused):
        certificate_of(content, SIGNER)


def test_any_part_of_an_engine_makes_it_another() -> None:
    one = engine_identity("en", labeller="a" * 64)

    others = [
        replace(one, language="es"), replace(one, labeller=""), replace(one, lists="b" * 64),
        replace(one, code="c" * 64), replace(one, doubt=0.2), replace(one, libraries=()),
    ]  # fmt: skip

    assert len({one.digest, *(other.digest for other in others)}) == 7


def test_the_page_says_in_words_what_the_chart_shows_and_escapes_what_it_is_given() -> None:
    page = certificate_page(a_certificate(), "d" * 64)

    assert "Enough was found" in page
    assert "1 other engines were measured on this sample before" in page
    assert "&lt;letter&gt;" in page
    assert "<letter>" not in page
    assert "<svg" in page
    assert "Too little was found" in certificate_page(a_certificate(hits=380), "d" * 64)
