"""Counting what was known, against counting it one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.cohorts.question.timeline import History

entries = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 9), st.sampled_from([1, 1, -1]), st.integers(0, 12)
    ),
    min_size=1,
    max_size=30,
)
asked = st.lists(
    st.tuples(st.integers(0, 4), st.integers(-1, 9), st.integers(0, 5), st.integers(0, 6)),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("scale", [1, 2**58], ids=["hours", "times too long for one axis"])
@given(entries, asked, st.booleans(), st.booleans())
def test_what_was_known_is_counted_as_one_by_one(scale, told, rows, opens, closes):
    told = sorted((s, t, w, t + late - 3) for s, t, w, late in told)
    rows = [(s, start, start + size, start + size + wait) for s, start, size, wait in rows]
    subject, time, weight, at = (np.array(one, dtype=np.int64) for one in zip(*told, strict=True))
    of, start, end, then = (np.array(one, dtype=np.int64) for one in zip(*rows, strict=True))

    history = History(subject, time * scale, weight, at * scale)
    found = history.known(of, start * scale, end * scale, closed=(opens, closes), at=then * scale)

    slow = [
        sum(
            w
            for s, t, w, a in told
            if s == row[0]
            and (t > row[1] or (opens and t == row[1]))
            and (t < row[2] or (closes and t == row[2]))
            and a <= row[3]
        )
        for row in rows
    ]
    assert found.tolist() == slow
