"""What a day of watching costs, with 1, 30 and 300 days of history behind it.

`python benchmarks/daily_watch.py [PATIENTS_A_DAY] [WORKSPACE]`: builds the diagnosis (or takes a
workspace that has it in silent), records so many answers a day about real biopsies with outcomes a
day later, and times the run of one more day: what `bedside monitor MODEL` does, which is to count
the day, to judge the declared window by what came true, and to write the page. Beside it stand the
judging as it was after everything that was kept of opened answers is dropped, so that it opens all
of them, and two floors: to open the sealed answers and outcomes of that day and read their JSON,
which any program that watches them must do, and the figures of the window with their intervals,
which rest on the whole window. All of it is processor time, for other work may run on the machine.
Then what 1,000 models need, planned from that.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np

from bedside.lifecycle import live_performance as performance
from bedside.lifecycle.live_page import add_performance
from bedside.lifecycle.live_performance import live_performance
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
        print(
            f"{'days behind':>12} {'whole run':>10} {'worst':>8} {'counting':>9} {'judging':>8} "
            f"{'of it figures':>14} {'judging, all opened':>20} {'answers judged':>15}"
        )
        for behind in HISTORY:
            while day < behind:
                day = lived(ward, day, patients, drawn)
            watched(ward, day)  # catches up, and compiles what is compiled once in a process
            took = []
            for _ in range(TIMES):
                day = lived(ward, day, patients, drawn)
                took.append(watched(ward, day))
            again = median(opened_again(ward) for _ in range(TIMES))
            count, judge, figures, judged = (median(some) for some in zip(*took, strict=True))
            whole = [one[0] + one[1] for one in took]
            cost[behind] = median(whole)
            print(
                f"{behind:>12} {cost[behind]:>8.3f} s {max(whole):>6.3f} s {count:>7.3f} s "
                f"{judge:>6.3f} s {figures:>12.3f} s {again:>18.3f} s {judged:>15,.0f}"
            )
        floor = median(opened(ward, 2 * patients) for _ in range(TIMES))
        print(f"floor, opening the day's answers and outcomes: {floor:.3f} s")
        nothing = median(sum(watched(ward, day)[:2]) for _ in range(TIMES))
        book, version = ward.platform.watch_book, ward.version.id
        tallies = sum(len(content) for _, content in book.tallies(version))
        columns = median(len(content) for _, content in book.opened(version))
        print(
            f"a run with no new day: {nothing:.3f} s; of a day is kept: a tally of "
            f"{tallies / day:,.0f} bytes, columns of {columns:,.0f} bytes"
        )
        print(
            f"300 days behind against 30: {cost[300] / cost[30]:.2f} times; "
            f"against 1: {cost[300] / cost[1]:.2f} times"
        )
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


def watched(ward: Ward, day: int) -> tuple[float, float, float, int]:
    """Seconds that a run at the end of the day takes: counting, judging, and of that the figures.

    And how many answers it judges.
    """
    ward.clock.at = ward.on(day, 2.0)
    begin = time.process_time()
    made = watch_live(ward.platform, "diagnosis")
    counted = time.process_time()
    with Figures() as spent:
        told = live_performance(ward.platform, made.version, by_itself=True)
    add_performance(ward.platform, Path(made.page), told)
    judged = told["coverage"]["scores"]
    return counted - begin, time.process_time() - counted, spent.seconds, judged


def opened_again(ward: Ward) -> float:
    """Seconds that judging takes where nothing is kept of answers that were opened before."""
    book, version = ward.platform.watch_book, ward.version.id
    book.drop_opened([day for day, _ in book.opened(version)])
    begin = time.process_time()
    live_performance(ward.platform, version, by_itself=True)
    return time.process_time() - begin


class Figures:
    """Adds up, while it is entered, the seconds that metrics and their intervals take."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._names = ("judged_by_care", "judged_in_groups")
        self._plain = {name: getattr(performance, name) for name in self._names}

    def __enter__(self) -> "Figures":
        for name, plain in self._plain.items():
            setattr(performance, name, self._timed(plain))
        return self

    def __exit__(self, *_: object) -> None:
        for name, plain in self._plain.items():
            setattr(performance, name, plain)

    def _timed(self, plain: Callable[..., object]) -> Callable[..., object]:
        def timed(*given: object) -> object:
            begin = time.process_time()
            made = plain(*given)
            self.seconds += time.process_time() - begin
            return made

        return timed


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
