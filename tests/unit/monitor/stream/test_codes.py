"""Codes that questions saw, as streams and counts; what was kept before they were counted."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from bedside.core.records.codes_seen import CodeSeen, codes_from_text, codes_to_text
from bedside.monitor.stream.baseline import baseline_from_json, baseline_to_json
from bedside.monitor.stream.codes import MOST_UNKNOWN, OTHERS, codes_counted
from bedside.monitor.stream.tally import tally_days, tally_from_bytes, tally_to_bytes
from streamed import CODES, a_baseline, ward_answers


def without_codes(answers):
    return replace(answers, codes=None)


def test_known_codes_are_watched_where_there_are_several_and_unknown_texts_of_a_category():
    ids = {one.id for one in a_baseline().streams if one.family == "codes"}

    assert ids == {
        "unknown_code",
        "unknown_code:on_oxygen",
        "code:lactate=LOINC//2524-7",
        "code:lactate=LOINC//32693-4",
    }


def test_the_usual_share_of_a_code_is_kept_and_of_known_ones_within_their_signal():
    baseline = a_baseline(ward_answers(2000))

    shares = {one.code: one.share for one in baseline.codes}
    assert shares["LOINC//2524-7"] == pytest.approx(0.5, abs=0.05)
    within = baseline.streams[baseline.index("code:lactate=LOINC//2524-7")]
    assert within.mean == pytest.approx(5 / 7, abs=0.05)


def test_a_code_of_ten_patients_or_fewer_is_not_kept():
    answers = replace(ward_answers(400, asked=1), codes=np.full(400, "", dtype="U80"))
    for place in range(10):
        answers.codes[place] = codes_to_text([CodeSeen("", "LOINC//rare", False)])

    assert a_baseline(answers).codes == ()


def test_a_baseline_without_codes_is_to_the_byte_what_it_was_before_they_were_counted():
    baseline = a_baseline(without_codes(ward_answers(400)))
    told = baseline_to_json(baseline)

    assert "codes" not in told
    assert not [one for one in baseline.streams if one.family == "codes"]
    assert baseline_from_json(told).digest == baseline.digest


def test_a_tally_of_before_codes_were_counted_is_read():
    baseline = a_baseline(without_codes(ward_answers(400)))
    tally = tally_days(baseline, without_codes(ward_answers(60)))[0]
    told = msgspec.msgpack.decode(tally_to_bytes(tally))
    old = {name: value for name, value in told.items() if name not in ("codes", "coded")}

    again = tally_from_bytes(baseline, msgspec.msgpack.encode(old))

    assert (again.codes, again.coded) == ({}, 0)
    assert again.n.tolist() == tally.n.tolist()


def test_answers_whose_codes_are_not_known_are_in_no_share():
    baseline = a_baseline()
    answers = ward_answers(200, strange=False)
    some = replace(answers, codes=np.where(np.arange(len(answers)) % 2, answers.codes, "-"))
    place = baseline.index("unknown_code:on_oxygen")

    n = sum(tally.n[place] for tally in tally_days(baseline, some))

    assert 0 < n < sum(tally.n[place] for tally in tally_days(baseline, answers))


def test_codes_come_back_from_their_text():
    for text in CODES:
        assert codes_to_text(codes_from_text(text)) == text or text == "-"


def test_what_is_longer_than_a_code_is_not_kept():
    (one,) = codes_from_text(codes_to_text([CodeSeen("note", "Mrs Smith " * 20, False)]))

    assert "Smith" not in one.code


def test_a_sender_of_ever_other_texts_fills_no_tally():
    answers = ward_answers(400, asked=1)
    strange = [CodeSeen("on_oxygen", f"text {at}", False) for at in range(400)]
    often = CodeSeen("on_oxygen", "ja", False)
    texts = [codes_to_text([one, *([often] if at % 2 else [])]) for at, one in enumerate(strange)]
    many = replace(answers, codes=np.array(texts))

    coded, told = codes_counted(many, np.arange(400))

    assert coded == 400
    assert told[often.mark] == 200
    others = told[CodeSeen("on_oxygen", OTHERS, False).mark]
    assert others == 400 - (MOST_UNKNOWN - 1)
    assert len(told) == MOST_UNKNOWN + 1
