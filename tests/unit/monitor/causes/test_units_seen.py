"""Another unit is told from a bias, whole or in a share, by how logarithms move."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.monitor.causes.attribution import attributed
from bedside.monitor.causes.units_seen import Spread, conversions, moved_as


def spread_of(values):
    logs = np.log(values)
    return Spread.of_sums(len(logs), logs.sum(), (logs**2).sum())


def some(n, seed, *, typical=1.0, spread=0.45):
    return typical * np.exp(spread * np.random.default_rng(seed).normal(size=n))


@pytest.mark.parametrize("share", [1.0, 0.5, 0.2])
@pytest.mark.parametrize(
    ("unit", "signal", "typical", "other"),
    [
        ("mg/dL", "creatinine", 1.0, "umol/L"),
        ("mg/dL", "glucose", 130.0, "mmol/L"),
        ("g/dL", "albumin", 3.4, "g/L"),
        ("mm[Hg]", "paco2", 40.0, "kPa"),
    ],
)
def test_the_other_unit_is_named_for_all_or_some_values(unit, signal, typical, other, share):
    known = conversions(unit, signal=signal)
    factor = next(one.factor for one in known if one.unit == other)
    now = some(200, 2, typical=typical)
    now[: int(share * 200)] *= factor

    found = moved_as(spread_of(some(2000, 1, typical=typical)), spread_of(now), known, np.ones(1))

    assert found.unit == other
    assert found.share == pytest.approx(share, abs=0.1)


def test_temperature_in_fahrenheit_is_told_though_it_has_an_offset():
    now = some(60, 2, typical=37.0, spread=0.02) * 1.8 + 32

    found = moved_as(
        spread_of(some(2000, 1, typical=37.0, spread=0.02)),
        spread_of(now),
        conversions("Cel"),
        np.linspace(36, 39, 9),
    )

    assert found.unit == "[degF]"


@pytest.mark.parametrize("factor", [0.8, 1.1, 1.3])
def test_a_bias_is_not_another_unit(factor):
    known = conversions("mg/dL", signal="creatinine")

    assert (
        moved_as(spread_of(some(2000, 1)), spread_of(some(200, 2) * factor), known, np.ones(1))
        is None
    )


def test_the_same_values_are_in_the_same_unit():
    known = conversions("mg/dL", signal="creatinine")
    found = [
        moved_as(spread_of(some(2000, 1)), spread_of(some(60, seed)), known, np.ones(1))
        for seed in range(2, 102)
    ]

    assert found == [None] * 100


@given(
    st.lists(
        st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.sampled_from(["a", "b", None])),
        min_size=1, max_size=8,
    )
)  # fmt: skip
def test_the_shift_is_the_sum_of_what_its_signals_add(columns):
    then = np.array([*(one[0] for one in columns), -1.0])
    now = np.array([*(one[1] for one in columns), -1.0])
    names = [f"f{place}" for place in range(len(columns))]

    signals = {name: one[2] for name, one in zip(names, columns, strict=True)}

    found = attributed(names, signals, then, 50 * now, 50)

    assert sum(found.by_signal.values()) + found.rest == pytest.approx(found.shift, abs=1e-9)
    assert found.shift == pytest.approx((now - then).sum(), abs=1e-9)
