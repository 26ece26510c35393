"""The built-in table of codes: each has a real code, a unit, bounds, and where they are from."""

import re

import msgspec
import pytest
import yaml

from bedside.core.records.quality import QualityPlan
from bedside.data.prepare.ranges import known_codes
from bedside.data.prepare.rules import rules_for
from bedside.interop.ucum import ucum_of
from house import ROOT
from quality_data import a_source

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


def test_the_manual_shows_the_table_as_it_is():
    page = (ROOT / "docs" / "reference" / "data-quality.md").read_text(encoding="utf-8")

    for known in known_codes().values():
        bounds = known.range
        line = (
            f"| {known.code} | {known.name} | {bounds.low:g} | {bounds.high:g} "
            f"| `{bounds.unit}` | {bounds.source} |"
        )
        assert line in page
    assert page.count("| LOINC//") == len(known_codes())


def test_the_declaration_in_the_manual_is_one():
    page = (ROOT / "docs" / "reference" / "data-quality.md").read_text(encoding="utf-8")
    declared = yaml.safe_load(page.split("```yaml")[1].split("```")[0])

    plan = msgspec.convert(declared["quality"], QualityPlan)
    source = a_source(quality=plan, units=declared["units"])
    codes = {*plan.ranges, *plan.assumed_units, *plan.molar_masses, *source.units}
    rules = rules_for(source, dict.fromkeys(((code, None) for code in codes), 1))

    assert len(plan.gates) == 3
    assert rules.codes["LOINC//2160-0"].range is None  # no molar mass is declared for it
    assert rules.codes["LOCAL//LVEDP"].range.source.startswith("Cath lab")


def test_the_manual_names_every_kind_of_finding():
    page = (ROOT / "docs" / "reference" / "data-quality.md").read_text(encoding="utf-8")
    folder = ROOT / "src" / "bedside" / "data" / "quality"
    kinds = {
        kind
        for path in folder.glob("*.py")
        for kind in re.findall(r'^\s+kind="(\w+)",$', path.read_text(encoding="utf-8"), re.M)
    }

    assert len(kinds) > 15
    assert {kind for kind in kinds if f"`{kind}`" not in page} == set()
