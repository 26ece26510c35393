"""Releasing an event table, against reading and writing it as plain Parquet and nothing else.

    python benchmarks/deid_tables.py [--patients 4000] [--rounds 3]

The floor reads the events from a Parquet file and writes them to another. We do the same and
release them between the two, once the survey has read them; pseudonyms come from a vault in
memory, which the first run fills and the others find there.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
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


def seconds(work: Callable[[], None]) -> float:
    """How long it took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def told(name: str, took: list[float], floors: list[float]) -> str:
    """The median of the ratios to the floor beside it, and their range."""
    ratios = sorted(one / floor for one, floor in zip(took, floors, strict=True))
    middle = statistics.median(ratios)
    return (
        f"{name:<24} {statistics.median(took):6.2f} s  {middle:5.2f} x  "
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
        floors: list[float] = []
        took: dict[str, list[float]] = {name: [] for name in PLANS}
        for number in range(asked.rounds + 1):  # the first draws every pseudonym, and warms up
            floor = seconds(lambda: rewritten(source, target))
            for name, plan in PLANS.items():
                work = partial(released, source, target, plan, vaults[name])
                spent = seconds(work)
                if number:
                    took[name].append(spent)
                else:
                    print(f"{name:<12} first run {spent:7.2f} s  {spent / floor:5.2f} x")
            if number:
                floors.append(floor)
        print(f"{events.height:,} events of {asked.patients:,} patients, {asked.rounds} rounds")
        print(f"{'plain rewrite':<24} {statistics.median(floors):6.2f} s")
        for name in PLANS:
            print(told(name, took[name], floors))


if __name__ == "__main__":
    main()
