"""Laws of day tallies: they add up, strangers do not matter, and a slow loop says the same."""

from contextlib import suppress
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Refused
from bedside.metrics.sequential import wealth
from bedside.monitor.stream.answers import UNKNOWN_DAY
from bedside.monitor.stream.baseline import baseline_from_json, baseline_to_json
from bedside.monitor.stream.draws import Draws
from bedside.monitor.stream.tally import (
    Tally,
    TallyMaker,
    draws,
    summed,
    tally_days,
    tally_from_bytes,
    tally_to_bytes,
)
from streamed import a_baseline, rearranged, slow_values, ward_answers

BASELINE = a_baseline()
MAKER = TallyMaker(BASELINE)
seeds = st.integers(0, 10_000)


def same(one: Tally, other: Tally) -> None:
    for field in fields(Tally):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "groups":
            assert {k: v.tolist() for k, v in mine.items()} == {
                k: v.tolist() for k, v in theirs.items()
            }
        elif isinstance(mine, np.ndarray):
            np.testing.assert_allclose(mine, theirs, atol=1e-9, err_msg=field.name)
        else:
            assert mine == theirs, field.name


def test_a_tally_is_what_a_slow_loop_over_rows_says():
    answers = ward_answers(120, seed=3)
    slow = slow_values(BASELINE, answers)

    tallies = tally_days(BASELINE, answers, range(19_998, 20_020))

    ids = {stream.id for stream in BASELINE.streams}
    wanted = {
        "residual",
        "placement_case",
        "placement_control",
        "placement",
        "label_delay",
        "slow",
        "failure",
    }
    assert (
        wanted
        | {
            "abstention:missing",
            "residual:sex: male",
            "beyond:age",
            "low:age",
            "high:age",
            "today:low:lactate",
            "today:missing:lactate",
            "unknown_code",
            "unknown_code:on_oxygen",
            "code:lactate=LOINC//32693-4",
        }
        <= ids
    )
    assert sum(len(values) for values in slow.values()) == sum(t.n.sum() for t in tallies) > 2000
    for tally in tallies:
        for place, stream in enumerate(BASELINE.streams):
            values = np.array(slow.get((stream.id, tally.day), ()))
            assert tally.n[place] == len(values), stream.id
            assert tally.total[place] == pytest.approx(values.sum(), abs=1e-9), stream.id
            assert tally.squares[place] == pytest.approx((values**2).sum(), abs=1e-9)
            expected = wealth(values, stream.least, stream.most)
            np.testing.assert_allclose(tally.wealth[place], expected, atol=1e-9)


@given(seeds, st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_the_tallies_of_two_parts_are_together_that_of_both(seed, share):
    answers = ward_answers(40, seed=seed)
    both = np.random.default_rng(seed).random(len(answers)) < share
    drawn = draws(BASELINE, answers)
    days = [20_002]
    answers = replace(
        answers,
        day=np.full(len(answers), 20_002),
        subject=np.arange(len(answers)),  # so that the first of the day is the same in parts
        label_day=np.where(np.isnan(answers.label), UNKNOWN_DAY, 20_002),
    )

    def part(some):
        of = Draws(rows=drawn.rows[some], counted=drawn.counted)
        return MAKER.tallies(answers.take(some), days, drawn=of)[0]

    whole = MAKER.tallies(answers, days, drawn=drawn)[0]
    same(summed([part(both), part(~both)]), whole)


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_the_order_of_rows_within_a_day_does_not_matter(seed):
    answers = ward_answers(40, seed=seed)
    order = np.random.default_rng(seed).permutation(len(answers))

    for one, other in zip(
        MAKER.tallies(answers), MAKER.tallies(rearranged(answers, order)), strict=True
    ):
        same(one, other)


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_whether_an_answer_counts_depends_on_no_other_subject(seed):
    answers = ward_answers(40, seed=seed)
    some = np.random.default_rng(seed).random(60) < 0.5
    mine = some[np.clip(answers.subject - 1000, 0, 59)]

    assert (draws(BASELINE, answers.take(mine)).rows == draws(BASELINE, answers).rows[mine]).all()


@given(seeds, st.integers(20_000, 20_008))
@settings(max_examples=25, deadline=None)
def test_a_run_over_new_answers_alone_draws_the_rows_that_a_run_over_all_draws(seed, until):
    answers = ward_answers(60, seed=seed)
    old = answers.day < until

    whole = draws(BASELINE, answers)
    before = draws(BASELINE, answers.take(old))
    after = draws(BASELINE, answers.take(~old), before.counted)

    assert (whole.rows[old] == before.rows).all()
    assert (whole.rows[~old] == after.rows).all()
    assert (whole.counted == after.counted).all()
    counted = answers.subject[whole.rows]
    assert len(set(counted)) == len(counted)
    assert (counted >= 0).all()


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_a_tally_and_a_baseline_come_back_from_their_bytes(seed):
    for tally in MAKER.tallies(ward_answers(20, seed=seed)):
        again = tally_from_bytes(MAKER, tally_to_bytes(tally))
        same(again, tally)
        assert tally_to_bytes(again) == tally_to_bytes(tally)
    again = baseline_from_json(baseline_to_json(BASELINE))
    assert (again, again.digest) == (BASELINE, BASELINE.digest)


GOOD = tally_to_bytes(MAKER.tallies(ward_answers(20))[0])


@given(st.one_of(st.binary(max_size=200), st.integers(0, len(GOOD) - 1)), st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_bytes_that_are_no_tally_are_refused_or_read_whole(content, flip):
    if isinstance(content, int):
        changed = bytearray(GOOD)
        changed[content] ^= flip
        content = bytes(changed)
    tally = None
    with suppress(Refused):
        tally = tally_from_bytes(MAKER, content)

    if tally is not None:
        assert np.isfinite(tally.wealth).all()
        assert (tally.counts >= 0).all()


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(baseline_to_json(BASELINE))), json_values)
@settings(max_examples=150, deadline=None)
def test_a_baseline_with_something_else_in_it_is_refused_or_usable(key, value):
    made = None
    with suppress(Refused):
        made = baseline_from_json(baseline_to_json(BASELINE) | {key: value})

    if made is not None:
        (tally, *_) = TallyMaker(made).tallies(ward_answers(5), [20_000])
        assert np.isfinite(tally.wealth).all()
