"""`bedside shiftlab` on a built version: known shifts over its real held-out patients."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bedside.cli.main import app

pytestmark = pytest.mark.xdist_group("shiftlab")  # its fixture is made once


def told(*words):
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def ward(tmp_path_factory) -> Path:
    workspace = tmp_path_factory.mktemp("shiftlab") / "w"
    told("build", "diagnosis", "--workspace", workspace)
    return workspace


@pytest.fixture(scope="module")
def laboratory(ward):
    kinds = ("--only", "feed_lost", "--only", "calibration")
    return told("shiftlab", "diagnosis", "--quick", *kinds, "--workspace", ward)


def test_a_lost_feed_is_found_by_the_first_run(laboratory):
    lost = [row for row in laboratory["shifts"] if row["kind"] == "feed_lost" and row["full"]]

    assert lost
    assert all(row["first_run"]["estimate"] == 1.0 for row in lost)


def test_undisturbed_quarters_are_counted(laboratory):
    quiet = laboratory["undisturbed"]

    assert quiet["per_quarter"]["of"] == 4
    assert quiet["alarms"] <= 4


def test_what_labels_tell_stands_beside_the_sample_size_of_theory(laboratory):
    rows = [row for row in laboratory["shifts"] if row["kind"] == "calibration"]

    assert all(row["theory"] > 0 for row in rows)
    assert {row["words"] for row in rows} == {"outcomes times 0.8", "outcomes times 1.2"}


def test_the_same_seed_tells_the_same(ward, laboratory):
    again = told("shiftlab", "diagnosis", "--quick", "--only", "feed_lost", "--workspace", ward)

    first = [run for run in laboratory["runs"] if run["injection"].startswith("feed_lost")]
    assert first == again["runs"]


def test_an_unknown_kind_is_refused_with_those_there_are(ward):
    done = CliRunner().invoke(
        app, ["shiftlab", "diagnosis", "--only", "gremlins", "--workspace", str(ward)]
    )

    assert done.exit_code == 2
    assert "unit_change" in done.output
