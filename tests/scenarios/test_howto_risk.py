"""The how-to page about risks, changes and incidents is run, line by line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from bedside.usecases import folder_of
from house import ROOT
from planted import bedside_run
from warm_start import warm_bedside

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def built(workspace, folder):
    done = bedside_run(workspace, "build", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["version"]


def printed_by(page, folder, **variables):
    """What every command of a page prints, run in a folder, in its order."""
    blocks = BLOCK.findall((ROOT / "docs" / "howto" / page).read_text())
    lines = "".join(blocks).splitlines()
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(line.removeprefix("$ ") for line in lines)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=folder,
        env={
            **os.environ,
            **variables,
            "BEDSIDE_WORKSPACE": str(folder / "w"),
            "PATH": f"{warm_bedside()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_page_about_risks_does_what_it_says(tmp_path):
    old = built(tmp_path / "w", "diagnosis")
    folder = tmp_path / "diagnosis"
    folder.mkdir()
    shipped = (folder_of("diagnosis") / "bedside.yaml").read_text()
    moved = shipped.replace("threshold: {sensitivity: 0.97}", "threshold: {sensitivity: 0.99}")
    (folder / "bedside.yaml").write_text(moved)
    new = built(tmp_path / "w", folder)

    printed = printed_by("risk.md", tmp_path, OLD=old, NEW=new)

    assert "malignant-missed [controlled]" in printed
    assert "'evaluation.threshold' of the declaration is another" in printed
    assert "planned threshold:" in printed
    assert "open, blocks releases" in printed
    assert "Labels are scanned now." in printed
    assert (tmp_path / "w" / "reports" / "diagnosis-hazards.html").exists()
