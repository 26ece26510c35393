"""The defaults of Evidently and NannyML on the same streams, week by week."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.lifecycle.shiftlab import LabOptions, lab_patients
from bedside.monitor.shifts.hospital import Plan, answers_of, happened, stays_of
from bedside.monitor.shifts.injection import KINDS as KINDS_WORDS
from bedside.monitor.shifts.injection import Injection
from bedside.monitor.shifts.population import Inputs, Population
from bedside.monitor.shifts.rates import rate, rate_per
from bedside.monitor.stream.answers import Answers
from bedside.monitor.stream.draws import drawn
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

__all__ = ["beside"]

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "drift_peers.py"
PEERS = ("evidently", "nannyml")
WEEKS = 12
ONSET = 42
LOOKED_FOR = 5
"""Weeks from the onset on in which an alert counts as found, about as long as for the monitor."""
SPAN_HOURS = 24.0
KINDS = ("unit_change", "feed_lost", "assay_bias", "coding_change", "case_mix", "new_site")


def beside(
    workspace: Path, name: str, python: Path, quarters: int, trials: int | None = None
) -> dict[str, Any]:
    """Of each peer: the weeks in which it alerts, undisturbed and once something has happened.

    One question a patient, as the monitor counts them; the reference is the baseline's patients,
    the chunks are weeks. Of each kind of shift of inputs, the largest of the first signal.

    Args:
        workspace: That holds the version.
        name: Of the model or version.
        python: That has the peers.
        quarters: Undisturbed ones.
        trials: Hospitals in which each shift happens, at most `quarters`; None: half of them.
    """
    actor = actor_of(None, "validation")
    platform = open_workspace(workspace, actor=actor, progress=LineProgress())
    options = LabOptions()
    bench, population, wanted, _ = lab_patients(platform, name, options)
    first = _main(wanted)
    inputs = {
        one.id: bench.inputs(one.events, seed=options.seed)
        for one in first
        if one.events is not None
    }
    hit = max(quarters // 2, 1) if trials is None else min(trials, quarters)
    plans = [
        Plan(
            seed=options.seed * 100_003 + number,
            days=7 * WEEKS,
            per_day=options.per_day,
            baseline=population.subjects,
        )
        for number in range(quarters)
    ]
    return {peer: _of_peer(python, peer, population, plans, first, inputs, hit) for peer in PEERS}


def _main(wanted: Sequence[Injection]) -> list[Injection]:
    """One shift of each kind: of the first signal that counts, the largest."""
    found = []
    for kind in KINDS:
        some = [one for one in wanted if one.kind == kind and one.full]
        some = [one for one in some if one.signal == some[0].signal]
        found += some[-1:] if kind != "unit_change" else some[:1]
    return found


def _of_peer(
    python: Path,
    peer: str,
    population: Population,
    plans: Sequence[Plan],
    first: Sequence[Injection],
    inputs: Mapping[str, Inputs],
    hit: int,
) -> dict[str, Any]:
    quiet: list[list[bool]] = []
    found: dict[str, list[list[bool]]] = {one.id: [] for one in first}
    seconds, version, failed = 0.0, "", 0
    for number, plan in enumerate(plans):
        answer = _asked(python, peer, *_streams(population, plan))
        version, seconds = answer["version"], seconds + answer["computing"]
        failed += sum("error" in chunk for chunk in answer["chunks"])
        quiet.append([bool(chunk.get("alert")) for chunk in answer["chunks"]])
        for one in first if number < hit else ():
            answer = _asked(python, peer, *_streams(population, plan, one, inputs.get(one.id)))
            weeks = {chunk["chunk"]: bool(chunk.get("alert")) for chunk in answer["chunks"]}
            begin = ONSET // 7
            found[one.id].append([weeks.get(begin + at, False) for at in range(LOOKED_FOR)])
        print(f"{peer}: quarter {number + 1} of {len(plans)}", file=sys.stderr)
    return {
        "version": version,
        "quarters": len(plans),
        "seconds": seconds / max(len(plans), 1),
        "failed_weeks": failed,
        "weeks_with_alert": rate(sum(map(sum, quiet)), sum(map(len, quiet))).as_json(),
        "alerts_per_quarter": rate_per(sum(map(sum, quiet)), len(quiet)).as_json(),
        "quarters_with_alert": rate(sum(map(any, quiet)), len(quiet)).as_json(),
        "found_in_first_week": {
            f"{KINDS_WORDS[one.kind][0]}: {one.words}": {
                **rate(sum(weeks[0] for weeks in found[one.id]), len(found[one.id])).as_json(),
                "later": rate(sum(map(any, found[one.id])), len(found[one.id])).as_json(),
            }
            for one in first
            if found[one.id]
        },
    }


def _streams(
    population: Population,
    plan: Plan,
    injection: Injection | None = None,
    inputs: Inputs | None = None,
) -> tuple[Answers, Answers]:
    before, during = stays_of(population, plan)
    if injection is not None:
        during = happened(population, during, injection, ONSET, plan)
    given = (
        answers_of(population, before, plan),
        answers_of(population, during, plan, injection=injection, onset=ONSET, disturbed=inputs),
    )
    first, second = (
        one.take(drawn(one, seed=1, span_hours=min(SPAN_HOURS, float(population.hours.max()))).rows)
        for one in given
    )
    return first, second


def _asked(python: Path, peer: str, reference: Answers, current: Answers) -> dict[str, Any]:
    week = (current.day - current.day.min()) // 7
    inside = week < WEEKS
    names = list(reference.features)
    with tempfile.TemporaryDirectory() as scratch:
        arrays = Path(scratch) / "stream.npz"
        kept: dict[str, npt.NDArray[Any]] = {
            "reference": reference.matrix,
            "current": current.matrix[inside],
            "chunk": week[inside].astype(np.int64),
        }
        np.savez(arrays, allow_pickle=False, **kept)
        request = {"arrays": str(arrays), "peer": peer, "names": names, "categorical": []}
        done = subprocess.run(  # noqa: S603
            [str(python), str(SCRIPT)],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    told: dict[str, Any] = json.loads(done.stdout)
    return told
