"""The how-to pages are run, line by line, on real data."""

import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from data_folder import data_folder
from house import ROOT

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def an_eighth(tmp_path_factory):
    """Every eighth patient of hospital B, and the one whom the page names."""
    folder = tmp_path_factory.mktemp("sepsis")
    source = data_folder("physionet-2019-sepsis") / "sepsis_setB.parquet"
    picked = (pl.col("patient_id").hash(1) % 8 == 0) | (pl.col("patient_id") == "p100001")
    pl.read_parquet(source).filter(picked).write_parquet(folder / source.name)
    return folder


def commands_of(page: Path) -> list[str]:
    lines = "".join(BLOCK.findall(page.read_text())).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def test_the_page_about_data_does_what_it_says(an_eighth, tmp_path):
    commands = commands_of(ROOT / "docs" / "howto" / "data.md")
    script = "\n".join(f"echo '>>> {n}'\n{line}" for n, line in enumerate(commands))
    environment = {
        **os.environ,
        "BEDSIDE_WORKSPACE": str(tmp_path / "w"),
        "DATA": str(an_eighth),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=tmp_path,
        env=environment,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    said = dict(zip(commands, done.stdout.split(">>> ")[1:], strict=True))
    assert len(commands) >= 18
    assert "early_warning/prepared" in said["bedside data list"]
    now = said["bedside data show early_warning/prepared"]
    then = said["bedside data show early_warning/prepared --as-of 2000-01-01T06:00:00Z"]
    assert "as it was known at 2000-01-01T06:00:00" in then
    assert count_of(then) < count_of(now) / 2
    assert "raw file" in said["bedside data lineage early_warning"]
    assert "version early_warning@" in said["bedside data lineage $DATA/sepsis_setB.parquet"]
    records = [line for command, line in said.items() if "--subject p100001" in command]
    assert "sepsis_setB.parquet" in records[0]
    assert " row 0:" in records[0]
    assert "These versions were built" in said["bedside data erase p100001"]
    assert "can no longer be exact" in done.stdout
    assert "✗ early_warning/" not in done.stdout
    assert "NOT encrypted" in done.stdout
    plain = pl.read_parquet(tmp_path / "plain").select(pl.exclude(pl.Binary))
    assert "p100001" not in plain.write_json()


def count_of(shown: str) -> int:
    found = re.search(r"([\d,]+) events of", shown)
    assert found is not None
    return int(found.group(1).replace(",", ""))
