"""The page about rehearsals, run line by line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from house import ROOT
from planned_ward import PLANNED
from warm_start import warm_bedside

PAGE = ROOT / "docs" / "howto" / "rehearse.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
pytestmark = pytest.mark.xdist_group("rehearsal")


def test_the_page_about_rehearsals_does_what_it_says(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "bedside.yaml").write_text(PLANNED.replace("bootstrap: 200", "bootstrap: 100"))
    lines = "".join(BLOCK.findall(PAGE.read_text())).splitlines()

    done = subprocess.run(
        [
            "bash",
            "-euo",
            "pipefail",
            "-c",
            "\n".join(re.sub(r"^[$>] ", "", line) for line in lines),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,
        env={
            **os.environ,
            "MODEL": str(model),
            "PATH": f"{warm_bedside()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
    )

    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    said = done.stdout
    assert "✓ day 1, nothing happens until day 13: no alarm" in said
    assert "✓ day 14, mean radius comes times 10 until day 24" in said
    assert "Everything followed as the plan expects." in said
    assert "rehearsal-diagnosis.html" in said
    assert "rehearsal-diagnosis.md" in said
    assert "The ledger holds" in said
