"""The table of drills in the manual names drills that exist, and every drill of the scenarios."""

import ast
import re

from house import ROOT

PAGE = ROOT / "docs" / "reference" / "faults.md"
DRILL = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def drills_in(path):
    tree = ast.parse((ROOT / path).read_text())
    return {one.name for one in tree.body if getattr(one, "name", "").startswith("test_")}


def test_every_drill_of_the_table_exists_and_every_drill_is_in_the_table():
    drills = DRILL.findall(PAGE.read_text())

    assert len(drills) >= 12
    for path, name in drills:
        assert not name or name in drills_in(path), f"{path} has no {name}"
    ours = "tests/scenarios/test_serving_faults.py"
    assert drills_in(ours) == {name for path, name in drills if path == ours}
