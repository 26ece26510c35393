"""What sources write for a unit, and how one unit becomes another: the library and the hospital."""

import csv
from contextlib import suppress
from importlib.resources import files
from itertools import product
from time import perf_counter

import pint
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ucumvert import PintUcumRegistry

from bedside.core.errors import BedsideError, Invalid, WrongUnit
from bedside.core.units import _FAMILIES, KNOWN_UNITS, conversion
from bedside.interop.ucum import factor_between, ucum_of
from bedside.interop.ucum.library import read_code
from bedside.interop.ucum.spelling import spellings

# UCUM's own list of codes in use; these parse, but mean something else where a hospital has them.
TAKEN_OTHERWISE = {
    "F": "[degF]", "H": "h", "Ms": "ms", "Torr": "mm[Hg]", "S": None, "T": None, "t": None,
    "Wb": None, "pT": None, "cSt": None, "K/W": None, "pmol/H/mg{protein}": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def library() -> PintUcumRegistry:
    return PintUcumRegistry()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("mmHg", "mm[Hg]"), ("bpm", "/min"), ("degF", "[degF]"), ("K/uL", "10*3/uL"),
        ("mEq/L", "meq/L"), ("°C", "Cel"), ("µg/mL", "ug/mL"), ("μg/mL", "ug/mL"),
        ("10^3/uL", "10*3/uL"), ("x10E9/L", "10*9/L"), ("10³/µL", "10*3/uL"), ("IU/L", "[IU]/L"),
        ("MG/DL", "mg/dL"), (" mg / dL ", "mg/dL"), ("pH", "[pH]"), ("kg/m²", "kg/m2"),
        ("{beats}/min", "{beats}/min"), ("mL/min/{1.73_m2}", "mL/min/{1.73_m2}"),
        ("ml/min/1.73m²", "mL/min/{1.73_m2}"), ("G/L", None), ("MU/L", None), ("M", None),
        ("pain", None), ("", None), ("u/kg", None), ("mg/dL or so", None), ("10*99999", None),
    ],
)  # fmt: skip
def test_a_source_s_spelling_is_understood_or_refused(text, code):
    assert ucum_of(text) == code


def test_every_code_that_ucum_lists_as_in_use_is_understood():
    table = files("ucumvert").joinpath("vendor/ucum_examples.tsv").read_text(encoding="utf-8")
    codes = [row["UCUM_CODE"] for row in csv.DictReader(table.splitlines(), delimiter="\t")]

    otherwise = {code: ucum_of(code) for code in codes if ucum_of(code) != code}

    assert len(codes) > 800
    assert otherwise == TAKEN_OTHERWISE


def test_every_code_in_the_table_of_spellings_is_ucum():
    codes = {code for code in spellings().values() if code is not None}

    assert len(spellings()) > 300
    assert [code for code in codes if code not in KNOWN_UNITS and read_code(code) is None] == []


@pytest.mark.parametrize("family", _FAMILIES, ids=lambda family: next(iter(family)))
def test_every_factor_of_the_scoring_path_is_the_library_s(family, library):
    for source, target in product(family, family):
        if "[IU]" in source + target or "[pH]" in source + target:
            continue  # the library has no [pH], and calls [IU] arbitrary: see the next tests
        zero, one = (_by_hand(library, number, source, target) for number in (0.0, 1.0))

        factor, offset = conversion("x", source=source, target=target)

        assert offset == pytest.approx(zero, rel=1e-9, abs=1e-9)
        assert factor == pytest.approx(one - zero, rel=1e-9)


def _by_hand(library: PintUcumRegistry, value: float, source: str, target: str) -> float:
    """Pint's own conversion of one value, without any of our code; a bare annotation is 1."""
    one, other = (
        pint.get_application_registry()("") if code.startswith("{") and code.endswith("}")
        else library.from_ucum(code)
        for code in (source, target)
    )  # fmt: skip
    registry = pint.get_application_registry()
    return float(registry.Quantity(value, one.units).to(other.units).magnitude)


@pytest.mark.parametrize(
    ("source", "target", "factor"),
    [
        ("kU/L", "U/mL", 1.0), ("ukat/L", "U/L", 60.0), ("24.h", "d", 1.0),
        ("u[IU]/mL", "m[IU]/L", 1.0),
        ("[IU]/L", "U/L", 1.0), ("m[IU]/mL", "U/L", 1.0), ("mL/min/{1.73_m2}", "mL/min", 1.0),
        ("mL/kg/h", "mL/kg/min", 1 / 60), ("[in_i]", "mm", 25.4), ("[oz_av]", "g", 28.349523125),
        ("{score}", "1", 1.0), ("{copies}/mL", "/L", 1000.0), ("%", "1", 0.01), ("mg/g", "%", 0.1),
    ],
)  # fmt: skip
def test_units_of_one_kind_convert(source, target, factor):
    assert factor_between(source, target, what="x") == (pytest.approx(factor), 0.0)


def test_temperatures_convert_with_their_offset():
    factor, offset = factor_between("[degF]", "Cel", what="temperature")

    assert 98.6 * factor + offset == pytest.approx(37.0)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("mmol/L", "mg/dL"), ("meq/L", "mmol/L"), ("mosm/kg", "mmol/kg"), ("[IU]/L", "/uL"),
        ("[IU]/mL", "10*3/uL"), ("[IU]", "[USP'U]"), ("[IU]", "1"), ("{score}", "%"),
        ("{score}", "{INR}"), ("/[HPF]", "1"), ("dB", "1"), ("[pH]", "1"), ("mm[Hg]", "mm"),
        ("ng/mL", "ng/g"), ("[APL'U]", "[GPL'U]"),
    ],
)  # fmt: skip
def test_what_only_looks_alike_is_refused(source, target):
    with pytest.raises(WrongUnit):
        factor_between(source, target, what="x")
    with pytest.raises(WrongUnit):
        factor_between(target, source, what="x")


def test_moles_become_grams_only_with_a_declared_molar_mass():
    factor, _ = factor_between("mmol/L", "mg/dL", what="glucose", molar_mass=180.156)
    back, _ = factor_between("mg/dL", "mmol/L", what="glucose", molar_mass=180.156)

    assert factor == pytest.approx(18.0156)
    assert factor * back == pytest.approx(1)


def test_equivalents_become_moles_only_with_a_declared_valence():
    factor, _ = factor_between("meq/L", "mmol/L", what="calcium", valence=2)

    assert factor == 0.5
    with pytest.raises(Invalid):
        factor_between("meq/L", "mmol/L", what="calcium", valence=0)


units = st.sampled_from(sorted({*KNOWN_UNITS, *(code for code in spellings().values() if code)}))


@given(units, units, st.floats(-1e3, 1e3))
@settings(max_examples=150, deadline=None)
def test_there_and_back_again_is_the_same_value(one, other, value):
    try:
        factor, offset = factor_between(one, other, what="x")
    except WrongUnit:
        with pytest.raises(WrongUnit):
            factor_between(other, one, what="x")
        return

    back, shift = factor_between(other, one, what="x")

    assert (value * factor + offset) * back + shift == pytest.approx(value, rel=1e-6, abs=1e-6)


@given(st.text(max_size=80) | st.text("mgL/*^().{}[]0123456789dulkeqIUK%'-+ ", max_size=70))
@settings(max_examples=200, deadline=None)
def test_no_text_is_more_than_a_bedside_error(text):
    began = perf_counter()

    code = ucum_of(text)
    with suppress(BedsideError):
        factor_between(code or text, "mg/dL", what="x", molar_mass=100.0)

    assert perf_counter() - began < 20  # a hang, not a speed
    if code is not None:
        assert ucum_of(code) == code
