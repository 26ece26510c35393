"""Releasing an event table, against reading and writing it as plain Parquet and nothing else.

    python benchmarks/deid_tables.py [--patients 4000] [--rounds 3]

The floor reads the events from a Parquet file and writes them to another. We do the same and
release them between the two, once the survey has read them; pseudonyms come from a vault in
memory, which the first run fills and the others find there. Ratios are given of time and of the
processor: other work on the machine lengthens the first, and both ways use several cores.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import polars as pl

from bedside.core.records.release_mode import ReleaseMode
from bedside.data.store.layout import in_order
from bedside.privacy.events import EventRelease
from bedside.privacy.memory_vault import MemoryVault
from bedside.privacy.rules import ReleasePlan
from bedside.privacy.survey import Survey
from synthetic_events import Hospital

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PLANS = {
    "safe_harbor": ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="bench"),
    "expert": ReleasePlan(mode=ReleaseMode.EXPERT, project="bench", dossier="bench"),
}


def rewritten(source: Path, target: Path) -> None:
    """The floor."""
    pl.read_parquet(source).write_parquet(target)


def released(source: Path, target: Path, plan: ReleasePlan, vault: MemoryVault) -> None:
    """What a release does with a shard, between the same two files."""
    events = pl.read_parquet(source)
    survey = Survey()
    survey.add(events)
    release = EventRelease(plan=plan, vault=vault, found=survey.found(), released_at=NOW)
    release.shard(events).write_parquet(target)


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds, and those of the processor on all cores."""

    time: float
    computing: float


def seconds(work: Callable[[], None]) -> Spent:
    """How long it took."""
    began, computed = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - began, time.process_time() - computed)


def told(name: str, took: list[float], floors: list[float]) -> str:
    """The median of the ratios to the floor beside it, and their range."""
    ratios = sorted(one / floor for one, floor in zip(took, floors, strict=True))
    middle = statistics.median(ratios)
    return (
        f"{name:<26} {statistics.median(took):6.2f} s  {middle:5.2f} x  "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def main() -> None:
    """Print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.parquet", Path(folder) / "out.parquet"
        hospital = Hospital(patients=asked.patients)
        events = in_order(pl.concat(hospital.batches()))
        events.write_parquet(source)
        vaults = {name: MemoryVault() for name in PLANS}
        floors: list[Spent] = []
        took: dict[str, list[Spent]] = {name: [] for name in PLANS}
        for number in range(asked.rounds + 1):  # the first draws every pseudonym, and warms up
            floor = seconds(lambda: rewritten(source, target))
            for name, plan in PLANS.items():
                work = partial(released, source, target, plan, vaults[name])
                spent = seconds(work)
                if number:
                    took[name].append(spent)
                else:
                    print(
                        f"{name:<12} first run {spent.time:7.2f} s  {spent.time / floor.time:5.2f} "
                        f"x of time, {spent.computing / floor.computing:5.2f} x of the processor"
                    )
            if number:
                floors.append(floor)
        print(f"{events.height:,} events of {asked.patients:,} patients, {asked.rounds} rounds")
        for what in ("time", "computing"):
            floor_took = [getattr(one, what) for one in floors]
            print(f"{'plain rewrite, ' + what:<26} {statistics.median(floor_took):6.2f} s")
            for name in PLANS:
                of_it = [getattr(one, what) for one in took[name]]
                print(told(f"{name}, {what}", of_it, floor_took))


if __name__ == "__main__":
    main()
