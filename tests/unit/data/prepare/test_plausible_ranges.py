"""The built-in table of codes: each has a real code, a unit, bounds, and where they are from."""

import re

import pytest

from bedside.data.prepare.ranges import known_codes
from bedside.interop.ucum import ucum_of

SOURCES = ("MIMIC-Extract", "ricu", "scale", "Bedside")


def test_the_table_covers_the_common_codes():
    groups = {known.group for known in known_codes().values()}

    assert len(known_codes()) >= 100
    assert groups == {"vital", "chemistry", "haematology", "blood gas"}


@pytest.mark.parametrize("code", known_codes())
def test_each_code_has_a_true_check_digit_a_unit_and_bounds_with_a_source(code):
    known = known_codes()[code]

    digits = re.fullmatch(r"LOINC//(\d+)-(\d)", code).groups()
    # LOINC Users' Guide, appendix C: modulus 10, from the right every other digit is doubled
    doubled = "".join(
        str(int(digit) * (2 if place % 2 == 0 else 1))
        for place, digit in enumerate(reversed(digits[0]))
    )
    assert (10 - sum(map(int, doubled)) % 10) % 10 == int(digits[1])
    assert ucum_of(known.range.unit) == known.range.unit
    assert known.range.low < known.range.high
    assert known.range.source.startswith(SOURCES)
    assert known.name == known.name.strip() != ""
