"""Three digits of a ZIP code stay where more than 20,000 people live, and the list can be made."""

import subprocess
import sys
from pathlib import Path

import pytest

from bedside.privacy.postcodes import restricted_zip3, zip3

TOOL = Path(__file__).parents[3] / "tools" / "restricted_zip3.py"


@pytest.mark.parametrize(
    ("code", "told"),
    [("02139", "021"), ("021394307", "021"), ("89301", "000"), ("021", "021"), ("W1A", None)],
)
def test_a_zip_code_keeps_three_digits(code: str, told: str | None) -> None:
    assert zip3(code) == told


def test_the_list_is_that_of_the_census_of_2000() -> None:
    assert len(restricted_zip3()) == 17
    assert {"036", "893"} < restricted_zip3()


def test_the_list_is_made_again_from_a_table_of_zctas(tmp_path: Path) -> None:
    table = tmp_path / "p1.csv"
    table.write_text(
        '\ufeff"GEO_ID","NAME","P1_001N"\n"Geography","Geographic Area Name","!!Total"\n'
        '"860Z200US03601","ZCTA5 03601","12,000"\n"860Z200US03602","ZCTA5 03602","8000"\n'
        '"860Z200US02139","ZCTA5 02139","36349"\n"860Z200US05900","ZCTA5 05900","20001"\n',
        encoding="utf-8",
    )

    made = subprocess.run(
        [sys.executable, str(TOOL), str(table)], capture_output=True, text=True, check=True
    )

    assert made.stdout.split() == ["zip3", "036"]
