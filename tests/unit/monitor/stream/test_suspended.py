"""That a version is suspended is known already: no stream of the monitor counts it."""

from dataclasses import replace

import numpy as np

from bedside.core.records.answer import AbstentionReason
from bedside.monitor.stream.answers import ABSTENTION, SUSPENDED
from bedside.monitor.stream.tally import summed, tally_days
from streamed import a_baseline, ward_answers

ANSWERS = ward_answers(400)
BASELINE = a_baseline(ANSWERS)


def withheld(reason):
    """The same answers, every one withheld for this reason."""
    n = len(ANSWERS)
    nothing = np.full(n, np.nan)
    gone = replace(
        ANSWERS,
        outcome=np.full(n, ABSTENTION, np.int8),
        reason=np.full(n, reason, dtype="U16"),
        risk=nothing,
        alert=np.zeros(n, bool),
        matrix=np.full_like(ANSWERS.matrix, np.nan),
        contributions=None,
    )
    return summed(tally_days(BASELINE, gone, np.unique(ANSWERS.day)))


def counted(tally, family):
    return sum(tally.n[place] for place, one in enumerate(BASELINE.streams) if one.family == family)


def test_the_reason_is_that_of_the_server():
    assert AbstentionReason.SUSPENDED.value == SUSPENDED


def test_an_answer_that_is_withheld_by_a_suspension_counts_for_no_stream_of_answering():
    assert counted(withheld("stale"), "answering") > 0
    assert counted(withheld(SUSPENDED), "answering") == 0


def test_it_is_counted_all_the_same():
    tally = withheld(SUSPENDED)

    assert tally.answers == len(ANSWERS)
    assert tally.reasons == {SUSPENDED: len(ANSWERS)}
