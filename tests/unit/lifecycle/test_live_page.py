"""Each run of the monitor leaves a page and the same as JSON, of real answers in a ledger."""

import json
from datetime import date, timedelta

import numpy as np
import pytest

from bedside.core.records.watch import Watch
from bedside.lifecycle.live_watch import watch_live
from live_ward import a_built_workspace, a_ward


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    return a_ward(a_built_workspace(folder / "built"), folder / "w")


def test_a_run_leaves_a_page_and_the_same_as_json(ward):
    drawn = np.random.default_rng(5)
    for day in range(3):
        rows = drawn.integers(0, len(ward.risk), 30).tolist()
        whose = [1000 * (day + 1) + place for place in range(30)]
        ward.answer(day, rows, subjects=whose, matrix=ward.matrix[rows])
    ward.clock.at = ward.on(3, 2.0)

    watched = watch_live(ward.platform, "diagnosis")

    page = ward.platform.folder / "reports" / f"{watched.version.replace('@', '-')}-live.html"
    assert watched.page == str(page)
    told = json.loads(page.with_suffix(".json").read_bytes())
    assert (told["patients"], told["judged"], told["version"]) == (90, None, watched.version)
    last = date.fromisoformat(told["last"])
    assert last - date.fromisoformat(told["first"]) == timedelta(days=2)
    assert told["owner"] == Watch().owner
    assert told["sentence"] in page.read_text()
