"""The state of one subject in a stream: what it takes, what it refuses, what it forgets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bedside.core.errors import Invalid, Refused
from bedside.core.records.event import TAKEN_BACK, Event
from bedside.features.definition import Feature, FeatureSet
from bedside.features.single import features_of
from bedside.features.stream import SubjectState

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


def a_feature(aggregate, hours):
    return Feature(
        name=f"k.{aggregate}", signal="k", codes=("LAB//k",), label="k", aggregate=aggregate,
        window_hours=hours, unit="1",
    )  # fmt: skip


FEATURES = FeatureSet(features=(a_feature("count", 6.0), a_feature("sd", None)))


def at(hour):
    return ORIGIN + timedelta(hours=hour)


def an_event(hour, value=1.0, row=None, **more):
    name = (row or f"row {hour}").encode()
    told = {"subject_id": 1, "time": at(hour), "known_at": at(hour), "code": "LAB//k"}
    return Event(**{**told, "value": value, "source_row": name, **more})


def a_state(hours, at_least=1):
    state = SubjectState(FEATURES, timedelta(hours=2), at_least=at_least)
    for hour in hours:
        state.add(an_event(hour, float(hour)))
    return state


def test_an_event_that_comes_twice_counts_once():
    state = a_state([1, 2])

    state.add(an_event(2, 2.0))

    assert state.features(at(3))[0] == 2


def test_two_events_of_one_record_count_twice():
    state = a_state([1])

    state.add(an_event(1, 7.0, row="row 1"))

    assert state.features(at(3))[0] == 2


def test_an_event_behind_what_was_folded_makes_a_rebuild_necessary():
    state = a_state(range(20))
    state.features(at(20))

    state.add(an_event(3, row="came late"))

    assert state.needs_rebuild
    with pytest.raises(Refused, match="whole record"):
        state.features(at(21))
    assert SubjectState.from_bytes(FEATURES, state.to_bytes()).needs_rebuild


@pytest.mark.parametrize("target", ["row 3", "never seen"])
def test_a_correction_of_what_may_have_been_folded_makes_a_rebuild_necessary(target):
    state = a_state(range(20))
    state.features(at(20))

    state.add(an_event(20, None, code=TAKEN_BACK, replaces=target.encode()))

    assert state.needs_rebuild


def test_a_correction_within_the_window_is_taken_in():
    state = a_state(range(20))
    state.features(at(19))

    state.add(an_event(20, None, code=TAKEN_BACK, replaces=b"row 18"))

    assert not state.needs_rebuild
    assert state.features(at(20))[0] == 4  # 15, 16, 17 and 19


def test_a_record_that_comes_long_after_its_correction_stays_corrected():
    taken_back = an_event(1, None, row="back", code=TAKEN_BACK, replaces=b"row 30")
    state = SubjectState(FEATURES, timedelta(hours=2), at_least=1)
    events = [taken_back, *(an_event(hour) for hour in (2, 3, 20, 30))]
    for event in events[:-1]:
        state.add(event)
    state.features(at(25))

    state.add(events[-1])

    assert state.features(at(30)).tobytes() == features_of(FEATURES, events, at(30)).tobytes()


def test_what_was_folded_gives_the_bits_of_the_whole_record():
    state = a_state(range(40))
    whole = [an_event(hour, float(hour)) for hour in range(40)]

    for hour in (40, 41, 60):
        expected = features_of(FEATURES, whole, at(hour))
        assert state.features(at(hour)).tobytes() == expected.tobytes()
    assert state.held == 0


def test_an_event_of_another_code_changes_nothing():
    state = a_state(range(20))
    state.features(at(20))

    state.add(replace(an_event(1, row="other"), code="LAB//else"))

    assert not state.needs_rebuild


def test_an_earlier_moment_is_answered_only_while_nothing_is_forgotten():
    state = a_state(range(20), at_least=1000)
    state.features(at(20))
    assert state.features(at(5))[0] == 6  # 0 to 5

    forgetful = a_state(range(20))
    forgetful.features(at(20))
    with pytest.raises(Invalid, match="forgotten"):
        forgetful.features(at(19))


def test_what_is_held_does_not_grow_with_the_record():
    state = a_state([])
    most = 0
    for hour in range(500):
        state.add(an_event(hour, float(hour)))
        state.features(at(hour))
        most = max(most, state.held)

    assert most < 12
    assert len(state.to_bytes()) < 6000


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff"])
def test_bytes_that_are_no_state_are_refused(content):
    with pytest.raises(Invalid, match="no state"):
        SubjectState.from_bytes(FEATURES, content)


def test_a_state_of_other_features_is_refused():
    other = FeatureSet(features=(a_feature("mean", None),))

    with pytest.raises(Invalid, match="no state"):
        SubjectState.from_bytes(other, a_state([1]).to_bytes())


def test_a_negative_lateness_is_refused():
    with pytest.raises(Invalid, match="before it happens"):
        SubjectState(FEATURES, timedelta(hours=-1))
