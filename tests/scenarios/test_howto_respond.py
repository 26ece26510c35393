"""The page about responses, run line by line on real cases."""

import os
import re
import subprocess
import sys
from pathlib import Path

from bedside.data.collect.bundled import breast_cancer
from house import ROOT
from planned_ward import PLANNED
from warm_start import warm_bedside

PAGE = ROOT / "docs" / "howto" / "respond.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_page_about_responses_does_what_it_says(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    often = PLANNED.replace("every_at_least: 90 d", "every_at_least: 0 d", 1)
    (model / "bedside.yaml").write_text(often)
    breast_cancer().head(430).write_parquet(tmp_path / "less.parquet")
    breast_cancer().write_parquet(tmp_path / "more.parquet")
    lines = "".join(BLOCK.findall(PAGE.read_text())).splitlines()

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(line.removeprefix("$ ") for line in lines)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,
        env={
            **os.environ,
            "MODEL": str(model),
            "LESS": str(tmp_path / "less.parquet"),
            "MORE": str(tmp_path / "more.parquet"),
            "BEDSIDE_WORKSPACE": str(tmp_path / "w"),
            "PATH": f"{warm_bedside()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
    )

    assert done.returncode == 0, done.stderr[-2000:]
    said = done.stdout
    assert "is suspended" in said
    assert "suspended: it abstains" in said
    assert "gives scores again" in said
    assert "inside, the modification 'refit'" in said
    assert "answers in silence beside the champion" in said
    assert "is not live: a person must say who reaches patients first" in said
