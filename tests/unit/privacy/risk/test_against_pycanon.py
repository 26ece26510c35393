"""What we measure is what pycanon measures, on a real table of patients."""

import gzip
import json
import subprocess
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from bedside.privacy.risk.measures import class_sizes, distinct_l, entropy_l, t_closeness
from data_folder import data_folder

ROOT = Path(__file__).parents[4]
PEER = ROOT / ".venv-pycanon" / "bin" / "python"


@pytest.mark.parametrize(
    ("quasi", "sensitive"),
    [
        (["race", "gender"], "readmitted"),
        (["age", "gender"], "time_in_hospital"),
        (["race", "gender", "age"], "num_medications"),
    ],
)
def test_our_measures_are_pycanons(quasi: list[str], sensitive: str, tmp_path: Path) -> None:
    if not PEER.exists():
        pytest.skip("pycanon is not there. Fix: make .venv-pycanon/.installed installs it apart.")
    packed = (data_folder("diabetes-130-hospitals") / "diabetic_data.csv.gz").read_bytes()
    table = pl.read_csv(BytesIO(gzip.decompress(packed)), n_rows=5_000)
    table = table.select(*quasi, sensitive).filter(pl.col("gender").str.len_chars() < 7)
    table.write_csv(tmp_path / "table.csv")

    command = [str(PEER), str(ROOT / "tools" / "pycanon_measures.py"), str(tmp_path / "table.csv")]
    done = subprocess.run(
        [*command, ",".join(quasi), sensitive], capture_output=True, text=True, check=True
    )
    theirs = json.loads(done.stdout)

    assert int(class_sizes(table, quasi)["_size"].min()) == theirs["k"]  # type: ignore[arg-type]
    assert distinct_l(table, quasi, sensitive) == theirs["distinct_l"]
    ours = entropy_l(table, quasi, sensitive)  # pycanon cuts it off to a whole number
    assert theirs["entropy_l"] in (int(ours - 1e-9), int(ours + 1e-9))
    assert t_closeness(table, quasi, sensitive) == pytest.approx(theirs["t"], abs=1e-9)
