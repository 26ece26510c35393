"""Releasing an event table, against reading and writing it as plain Parquet and nothing else.

    python benchmarks/deid_tables.py [--patients 4000] [--rounds 3]

The floor reads the events from a Parquet file and writes them to another. We do the same and
release them between the two, once the survey has read them; pseudonyms come from a vault in
memory, drawn before (a project's second release) or as we go (its first).
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
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


def best(rounds: int, work: Callable[[], None]) -> float:
    """Seconds of the quickest round."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


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
        floor = best(asked.rounds, lambda: rewritten(source, target))
        print(f"{events.height:,} events of {events['subject_id'].n_unique():,} patients")
        print(f"plain rewrite              {floor:7.2f} s")
        for name, plan in PLANS.items():
            vault = MemoryVault()
            first = best(1, lambda p=plan, v=vault: released(source, target, p, v))  # type: ignore[misc]
            again = best(asked.rounds, lambda p=plan, v=vault: released(source, target, p, v))  # type: ignore[misc]
            print(f"{name:<12} first release  {first:7.2f} s {first / floor:6.2f} x")
            print(f"{name:<12} next release   {again:7.2f} s {again / floor:6.2f} x")


if __name__ == "__main__":
    main()
