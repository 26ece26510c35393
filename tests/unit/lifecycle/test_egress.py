"""Evidence with a count of 1 to 10 patients does not leave the workspace."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.errors import Refused
from bedside.lifecycle.egress import has_small_cells, leave
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace


@given(st.integers(), st.sampled_from(["subjects", "rows", "cases"]))
def test_a_count_of_1_to_10_is_small_and_no_other_is(count, name):
    assert has_small_cells({"a": [{name: count}]}) is (1 <= count <= 10)


def test_figures_that_count_nobody_are_none():
    assert not has_small_cells({"folds": 5, "rank": 1, "subjects": True, "rows": "10 or fewer"})


def test_small_cells_stay_inside_and_the_ledger_tells_of_it(tmp_path):
    actor = actor_of("user:ada", "audit")
    platform = open_workspace(tmp_path / "w", actor=actor, progress=LineProgress())

    leave(platform, "ward", json.dumps({"subjects": 11}).encode())
    with pytest.raises(Refused, match="1 to 10 patients"):
        leave(platform, "ward", json.dumps({"subjects": 3}).encode())

    (entry,) = platform.ledger.entries()
    assert entry.details["policies"] == ["never-small-cells-out"]
