"""Where values lie among those of their subject, against counting them one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.cohorts.question.axis import Axis
from bedside.cohorts.question.entries import ALWAYS, NEVER

pairs = st.tuples(st.integers(0, 3), st.integers(-4, 9))
extremes = st.sampled_from([None, None, None, ALWAYS, NEVER])
sought = st.lists(
    st.tuples(st.integers(0, 5), st.integers(-6, 11), extremes), min_size=1, max_size=12
)


@pytest.mark.parametrize("scale", [1, 2**58], ids=["hours", "times too long for one axis"])
@pytest.mark.parametrize("times", [1, 40], ids=["few sought", "many sought"])
@pytest.mark.parametrize("side", ["left", "right"])
@given(st.lists(pairs, max_size=300), sought, st.booleans())
def test_a_place_is_where_counting_one_by_one_puts_it(side, times, scale, told, asked, in_order):
    told = sorted(told)
    asked = [(s, v * scale if extreme is None else extreme) for s, v, extreme in asked * times]
    asked = sorted(asked) if in_order else asked
    subject, value = (np.array([pair[at] for pair in told], dtype=np.int64) for at in (0, 1))
    of, what = (np.array([pair[at] for pair in asked], dtype=np.int64) for at in (0, 1))

    found = Axis(subject, value * scale).place(of, what, side)

    scaled = [(s, v * scale) for s, v in told]
    slow = {
        one: sum(s < one[0] or (s == one[0] and v < one[1]) for s, v in scaled)
        + (scaled.count(one) if side == "right" else 0)
        for one in set(asked)
    }
    assert found.tolist() == [slow[one] for one in asked]
