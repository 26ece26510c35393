"""What a day of watching costs, with 1, 30 and 300 days of history behind it.

`python benchmarks/daily_watch.py [PATIENTS_A_DAY] [WORKSPACE]`: builds the diagnosis (or takes a
workspace that has it in silent), records so many answers a day about real biopsies with outcomes a
day later, and times the run of one more day. The floor is to open the sealed answers and outcomes
of that day and read their JSON, which any program that watches them must do. All of it is
processor time, for other work may run on the machine. Then what 1,000 models
need, planned from that.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np

from bedside.lifecycle.live_watch import watch_live
from live_ward import Ward, a_built_workspace, a_ward

HISTORY = (1, 30, 300)
TIMES = 5  # days that are measured behind each history
MODELS = 1_000


def main(patients: int, workspace: Path | None) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        built = workspace or a_built_workspace(place / "built")
        ward = a_ward(built, place / "w")
        drawn = np.random.default_rng(1)
        day, cost = 0, {}
        print(f"{patients} patients a day, each outcome a day later; one run a day")
        print(f"{'days behind':>12} {'run, median':>12} {'worst':>8} {'answers in the ledger':>22}")
        for behind in HISTORY:
            while day < behind:
                day = lived(ward, day, patients, drawn)
            watched(ward, day)
            took = []
            for _ in range(TIMES):
                day = lived(ward, day, patients, drawn)
                took.append(watched(ward, day))
            cost[behind] = median(took)
            answers = day * patients
            print(f"{behind:>12} {cost[behind]:>10.3f} s {max(took):>6.3f} s {answers:>22,}")
        floor = median(opened(ward, 2 * patients) for _ in range(TIMES))
        print(f"floor, opening the day's answers and outcomes: {floor:.3f} s")
        print(f"a run with 300 days behind takes {cost[300] / floor:.1f} times the floor")
        nothing = median(watched(ward, day) for _ in range(TIMES))
        bytes_kept = sum(
            len(content) for _, content in ward.platform.watch_book.tallies(ward.version.id)
        )
        print(f"a run with no new day: {nothing:.3f} s; a tally: {bytes_kept / day:,.0f} bytes")
        print(f"300 days behind against 1: {cost[300] / cost[1]:.2f} times")
        hours = MODELS * cost[300] / 3600
        print(
            f"planned: {MODELS:,} models, each run once a day, need {hours:.2f} hours of one core "
            f"a day; with {MODELS} such workspaces on one core, {24 / hours:,.0f} times that fit"
        )


def lived(ward: Ward, day: int, patients: int, drawn: np.random.Generator) -> int:
    """One day of answers; the outcomes of the day come on the next."""
    rows = drawn.choice(ward.held_out, patients).tolist()
    asked = ward.answer(day, rows)
    ward.came(day + 1, asked)
    return day + 1


def watched(ward: Ward, day: int) -> float:
    """Seconds that a run at the end of the day takes."""
    ward.clock.at = ward.on(day, 2.0)
    begin = time.process_time()
    watch_live(ward.platform, "diagnosis")
    return time.process_time() - begin


def opened(ward: Ward, count: int) -> float:
    """Seconds to open the last so many sealed entries and read them."""
    entries = [one.sequence for one in ward.platform.predictions.find(limit=count // 2)]
    notes = ward.platform.predictions.notes_after(ward.version.id, min(entries))
    wanted = [*entries, *(one.sequence for one in notes)]
    begin = time.process_time()
    for _, content in ward.platform.ledger.unseal_all(wanted):
        json.loads(content)
    return time.process_time() - begin


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    main(count, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
