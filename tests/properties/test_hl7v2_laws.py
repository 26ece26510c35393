"""What holds of every HL7 v2 text, time, frame and file, whatever its bytes are."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bedside.core.clock import SystemClock
from bedside.core.errors import Invalid
from bedside.interop.hl7v2.answering import ERRORS, acknowledgement, verdict_on
from bedside.interop.hl7v2.delimiters import STANDARD, Delimiters
from bedside.interop.hl7v2.escapes import escape, unescape
from bedside.interop.hl7v2.framing import Frames, framed
from bedside.interop.hl7v2.grouping import patient_groups
from bedside.interop.hl7v2.message import Segment, read_message, segment_places
from bedside.interop.hl7v2.splitting import messages_in
from bedside.interop.hl7v2.times import read_time

HEAD = b"MSH|^~\\&|LAB|H|EHR|H|20260131080000+0100||ORU^R01|17|P|2.5\r"
marks = st.permutations("|^~\\&#$%!@*+").map(lambda order: Delimiters(*order[:5]))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
bodies = st.binary(max_size=80).filter(lambda body: b"\x1c\r" not in body and b"\x0b" not in body)


@settings(max_examples=200, deadline=None)
@given(texts, marks)
def test_what_is_escaped_comes_back_under_any_delimiters(text, delimiters):
    written = escape(text, delimiters)

    assert unescape(written, delimiters) == text
    parts = {delimiters.field, delimiters.component, delimiters.repetition, "\r", "\n"}
    assert not parts & set(written)


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, min_size=1, max_size=6))
def test_components_that_are_written_are_read_again(components):
    assume(components != ['""'])
    field = "^".join(escape(one, STANDARD) for one in components)

    segment = Segment(f"OBX|1|{field}", STANDARD)

    read = [segment.leaf(segment.components(2), n + 1) for n in range(len(components))]
    assert read == ["" if one == '""' else one for one in components]


@settings(max_examples=150, deadline=None)
@given(st.lists(bodies, max_size=5), st.lists(st.integers(1, 30), max_size=40))
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(messages, cuts):
    stream, frames, found = b"".join(map(framed, messages)), Frames(1000), []
    for cut in (*cuts, len(stream) + 1):
        found += frames.feed(stream[:cut])
        stream = stream[cut:]

    assert found == messages
    assert not frames.unfinished


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_a_stream_of_anything_costs_no_more_than_the_largest_message(chunks):
    frames = Frames(50)

    for chunk in chunks:
        for message in frames.feed(chunk):
            assert len(message) <= 50
        assert len(frames._buffer) <= 60


pieces = st.lists(
    st.one_of(
        st.just(HEAD),
        st.sampled_from([b"PID|1||7\r", b"OBX|1|NM\n", b"\r\n", b"\x0b", b"\x1c\r", b"BHS|^~\\&\r",
                         b"FTS|1\r", b"\xef\xbb\xbf", b"MSH", b"  "]),
        st.binary(max_size=12),
    ),
    max_size=14,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(pieces)
def test_the_messages_of_a_file_lie_apart_in_it_and_nothing_else_is_lost(parts):
    content = b"".join(parts)
    found = list(messages_in(content))

    ends = [one.offset + one.length for one in found]
    assert all(one.length > 0 for one in found)
    assert all(end <= after.offset for end, after in zip(ends, found[1:], strict=False))
    assert not ends or ends[-1] <= len(content)
    assert sum(content[one.offset :].startswith(HEAD[:-1]) for one in found) <= content.count(HEAD)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_after_a_header_are_a_message_or_have_a_reason(body):
    content = HEAD + body
    header, error = verdict_on(content)
    if error is not None:
        with pytest.raises(Invalid, match=re.escape(error.problem)):
            read_message(content)
        return
    message = read_message(content)

    assert header == message.header
    patient_groups(message)
    assert len(segment_places(content)) == len(message.segments)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120))
def test_whatever_is_sent_gets_an_answer_that_is_a_message(content):
    header, error = verdict_on(content)

    fault = None if error is None else error.code
    answer = acknowledgement(header, at=SystemClock().now(), control="1", fault=fault)

    assert fault is None or fault in ERRORS
    assert read_message(answer).segments[1].text(1) in ("AA", "AE", "AR")


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("0123456789.+-"), max_size=26))
def test_a_time_is_read_within_its_bounds_or_refused(text):
    try:
        moment = read_time(text, "Europe/Berlin")
    except Invalid:
        return
    assert moment.begin <= moment.known <= moment.end
    assert 1849 <= moment.begin.year <= 2201
