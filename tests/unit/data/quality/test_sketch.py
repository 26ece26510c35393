"""How often each value occurs: exact for few, coarse for many, the same in whatever order."""

import math
from collections import Counter
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.data.quality.sketch import EXACT, Sketch, added, quantile, sketch_of

values = st.lists(
    st.tuples(
        st.integers(1, 9),
        st.sampled_from(["a", "b"]),
        st.floats(allow_nan=False, allow_infinity=False) | st.integers(-20, 20).map(float),
    ),
    max_size=60,
)


def a_sketch(rows: list[tuple[int, str, float]], most: int = 8) -> Sketch:
    frame = pl.DataFrame(
        rows,
        schema={"subject_id": pl.Int64, "code": pl.String, "value": pl.Float64},
        orient="row",
    )
    return sketch_of(frame, ["code"], most=most)


def told(sketch: Sketch) -> list[tuple[object, ...]]:
    return sorted(sketch.rows.select("code", "bits", "value", "n", "s").rows())


@given(values, st.permutations(range(1, 10)), st.lists(st.integers(0, 9), max_size=3))
@settings(max_examples=100, deadline=None)
def test_shards_in_any_cut_and_order_add_up_to_the_whole(rows, order, cuts):
    place = {subject: at for at, subject in enumerate(order)}
    edges = sorted({0, 9, *cuts})
    shards = [
        a_sketch([row for row in rows if low <= place[row[0]] < high])
        for low, high in pairwise(edges)
    ]

    in_steps = shards[0]
    for shard in shards[1:]:
        in_steps = added([in_steps, shard])

    assert told(added(shards)) == told(in_steps) == told(a_sketch(rows))


@given(values)
@settings(max_examples=60, deadline=None)
def test_no_row_is_lost_and_few_values_stay_exact(rows):
    sketch = a_sketch(rows)

    for code in ("a", "b"):
        mine = [value for _, one, value in rows if one == code]
        part = sketch.rows.filter(pl.col("code") == code)
        assert part["n"].sum() == len(mine)
        if len(set(mine)) <= 8:
            assert dict(part.select("value", "n").rows()) == Counter(mine)
            assert set(part["bits"]) <= {EXACT}


def test_many_values_are_cut_by_less_than_the_digits_that_are_left():
    rows = [(1, "a", 100 + place / 7) for place in range(5000)]

    sketch = a_sketch(rows, most=300)

    assert sketch.rows.height <= 300
    bits = sketch.rows["bits"].unique().item()
    middle = quantile(
        sketch.rows.sort("value")["value"].to_numpy(),
        sketch.rows.sort("value")["n"].to_numpy(),
        0.5,
    )
    assert middle == pytest.approx(100 + 2499 / 7, rel=2.0**-bits)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.floats(0.01, 1))
@settings(max_examples=60, deadline=None)
def test_a_quantile_is_the_smallest_value_that_enough_do_not_exceed(mine, share):
    sketch = a_sketch([(1, "a", value) for value in mine], most=99).rows.sort("value")

    found = quantile(sketch["value"].to_numpy(), sketch["n"].to_numpy(), share)

    slow = min(v for v in mine if sum(w <= v for w in mine) >= share * len(mine) - 1e-9)
    assert math.isclose(found, slow) or found == slow
