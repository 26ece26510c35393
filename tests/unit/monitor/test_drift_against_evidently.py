"""Distances of the table beside Evidently's, which computes them from the values."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bedside.monitor.drift_of import drift_of

ROOT = Path(__file__).parents[3]
PEER = ROOT / ".venv-drift-peers" / "bin" / "python"
NAMES = ["lactate", "age", "ward"]


def test_distances_are_evidentlys(tmp_path):
    if not PEER.exists():
        pytest.skip("Evidently is not there. Fix: make .venv-drift-peers/.installed installs it.")
    rng = np.random.default_rng(1)
    then, now = (
        np.column_stack(
            [rng.lognormal(shift, 0.5, n), rng.integers(18, 95, n), rng.choice(3, n, p=wards)]
        )
        for n, shift, wards in ((4000, 0, [0.5, 0.3, 0.2]), (3000, 0.1, [0.4, 0.3, 0.3]))
    )
    np.savez(tmp_path / "samples.npz", reference=then, current=now)
    request = {"arrays": str(tmp_path / "samples.npz"), "peer": "evidently", "names": NAMES}

    done = subprocess.run(
        [str(PEER), str(ROOT / "benchmarks" / "drift_peers.py")],
        input=json.dumps(request | {"categorical": ["ward"]}),
        capture_output=True,
        text=True,
        check=True,
    )

    (chunk,) = json.loads(done.stdout)["chunks"]
    ours = drift_of(then, now, NAMES, {"ward": ("a", "b", "c")})
    assert {one["method"] for one in chunk["values"].values()} == {
        "Wasserstein distance (normed)",
        "Jensen-Shannon distance",
    }
    for row in ours[:2]:
        theirs = chunk["values"][row.name]["value"]
        assert row.wasserstein_scaled == pytest.approx(theirs, rel=0.03, abs=0.001)
    nats = ours[2].js * np.sqrt(np.log(2))  # Evidently's is not in bits
    assert nats == pytest.approx(chunk["values"]["ward"]["value"], abs=1e-6)
