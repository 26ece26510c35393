"""The defaults of Evidently and NannyML on the same streams, week by week."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.lifecycle.shiftlab import LabOptions, lab_patients
from bedside.monitor.shifts.hospital import Plan, answers_of, happened, stays_of
from bedside.monitor.shifts.injection import Injection
from bedside.monitor.shifts.population import Inputs, Population
from bedside.monitor.shifts.rates import rate
from bedside.monitor.stream.answers import Answers
from bedside.monitor.stream.draws import drawn
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

__all__ = ["beside"]

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "drift_peers.py"
PEERS = ("evidently", "nannyml")
WEEKS = 12
ONSET = 42
SPAN_HOURS = 24.0
KINDS = ("unit_change", "feed_lost")


def beside(workspace: Path, name: str, python: Path, quarters: int) -> dict[str, Any]:
    """Of each peer: the weeks in which it alerts, undisturbed and once a unit or a feed is gone.

    One question a patient, as the monitor counts them; the reference is the baseline's patients,
    the chunks are weeks.
    """
    actor = actor_of(None, "validation")
    platform = open_workspace(workspace, actor=actor, progress=LineProgress())
    options = LabOptions()
    bench, population, wanted, _ = lab_patients(platform, name, options)
    some = [one for one in wanted if one.kind in KINDS and one.full]
    first = [next(one for one in some if one.kind == kind) for kind in KINDS
             if any(one.kind == kind for one in some)]  # fmt: skip
    inputs = {one.id: bench.inputs(one.events, seed=options.seed) for one in first}
    told: dict[str, Any] = {}
    for peer in PEERS:
        quiet: list[list[bool]] = []
        found: dict[str, list[bool]] = {one.id: [] for one in first}
        seconds, version = 0.0, ""
        for number in range(quarters):
            plan = Plan(
                seed=options.seed * 100_003 + number,
                days=7 * WEEKS,
                per_day=options.per_day,
                baseline=population.subjects,
            )
            answer = _asked(python, peer, *_streams(population, plan))
            version, seconds = answer["version"], seconds + answer["computing"]
            quiet.append([bool(chunk.get("alert")) for chunk in answer["chunks"]])
            for one in first if number < max(quarters // 2, 1) else ():
                shifted = _streams(population, plan, one, inputs[one.id])
                answer = _asked(python, peer, *shifted)
                weeks = {chunk["chunk"]: bool(chunk.get("alert")) for chunk in answer["chunks"]}
                found[one.id].append(weeks.get(ONSET // 7, False))
        told[peer] = {
            "version": version,
            "quarters": quarters,
            "seconds": seconds / max(quarters, 1),
            "weeks_with_alert": rate(sum(map(sum, quiet)), sum(map(len, quiet))).as_json(),
            "quarters_with_alert": rate(sum(map(any, quiet)), len(quiet)).as_json(),
            "found_in_first_week": {
                one.words: {**rate(sum(found[one.id]), len(found[one.id])).as_json(),
                            "title": one.kind}
                for one in first
            },
        }  # fmt: skip
    return told


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
