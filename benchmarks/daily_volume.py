"""How often the watch over the number of questions a day cries wolf, and how soon it sees a change.

Run: OMP_NUM_THREADS=1 python benchmarks/daily_volume.py [QUARTERS [TABLE ...]]

The tables are quarters, far_fewer. Simulated days with a weekly rhythm, beside streams of every
family, by the budget of one false alarm in 90 days. What is raised is resolved the next day.
"""

import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from bedside.core.records.watch import Watch
from bedside.monitor.detectors.detecting import shares_of
from bedside.monitor.detectors.volume import LEARN_DAYS, DayCount, Volume, watch_volume
from bedside.monitor.stream.families import FAMILIES
from bedside.monitor.stream.streams import Baseline, Stream

QUARTER = 90
WEEK = np.array([1.2, 1.15, 1.1, 1.1, 1.05, 0.75, 0.65])
"""Times the mean of a day, from Monday on."""

RNG = np.random.default_rng(20_261)
Mean = Callable[[int], float]


def of_all_families() -> Baseline:
    """One stream of each family, so that the volume has its part and no more."""
    streams = tuple(
        Stream(
            id=family, kind="input", family=family, feature=None, signal=None, group=None,
            title="", mean=0.5, sd=0.5, n=1, least=0.4, most=0.6,
        )
        for family in FAMILIES if family != "volume"
    )  # fmt: skip
    return Baseline(
        made_from="", streams=streams, subjects=1, seed=1, span_hours=0.0, threshold=None,
        features=(), risk=None,
    )  # fmt: skip


BASELINE = of_all_families()


def drawn(mean: float, spread: float) -> int:
    """A negative binomial count."""
    if spread > 0 and mean > 0:
        mean = RNG.gamma(1 / spread, spread * mean)
    return int(RNG.poisson(mean))


def live(
    mean: Mean, spread: float, days: int, change: Callable[[int], float]
) -> Iterator[set[str]]:
    """The findings of each day, each resolved at once."""
    volume = Volume()
    for day in range(days):
        patients = drawn(mean(day) * WEEK[day % 7] * change(day), spread)
        questions = patients + int(RNG.binomial(patients, 0.3))
        volume, _, found = watch_volume(
            BASELINE, Watch(), volume, [DayCount(day, questions, patients)]
        )
        names = {one.stream for one in found}
        if names:
            volume = volume.restarted(frozenset(names))
        yield names


def as_usual(mean: float) -> dict[str, Mean]:
    """Ways in which nothing changes, but days do."""
    weeks: dict[int, float] = {}

    def busy(day: int) -> float:
        if day == 0:
            weeks.clear()
        return mean * weeks.setdefault(day // 7, float(RNG.lognormal(-0.005, 0.1)))

    return {
        "a weekly rhythm": lambda _day: mean,
        "and busy and quiet weeks, sd 10 %": busy,
        "and a wave of ± 15 % over the year": lambda day: (
            mean * (1 + 0.15 * np.sin(2 * np.pi * (day + START[0]) / 365))
        ),
        "no patients at the weekend": lambda day: mean * (day % 7 < 5),
    }


START = [0]


def quarters(runs: int) -> Iterator[str]:
    """As before: false alarms in a quarter after the days that are learnt from."""
    share = shares_of(BASELINE)["volume"]
    yield f"\nThe share of the budget is {share:.4f} false alarms in 90 days."
    yield "\n| as before | patients a day | days vary by | false alarms in 90 days | quarters |"
    yield "|---|---|---|---|---|"
    for mean in (20, 100):
        for words, rhythm in as_usual(mean).items():
            for spread in (0.0, 0.02):
                each = []
                for _ in range(runs):
                    START[0] = int(RNG.integers(365))
                    found = list(live(rhythm, spread, LEARN_DAYS + 1 + QUARTER, lambda _day: 1.0))
                    each.append(sum(map(len, found)))
                half = 1.96 * np.std(each) / np.sqrt(runs)
                mid = float(np.mean(each))
                told = f"chance and {np.sqrt(spread):.0%}" if spread else "chance"
                yield (
                    f"| {words} | {mean} | {told} | {mid:.3f} ({max(mid - half, 0):.3f} to "
                    f"{mid + half:.3f}) | {runs} |"
                )


def far_fewer(runs: int) -> Iterator[str]:
    """Half as many, twice as many, or none, after so many days."""
    yield "\n| change | patients a day | days vary by | after | median | 90 % by | in 60 days |"
    yield "|---|---|---|---|---|---|---|"
    for words, times in (("half as many", 0.5), ("twice as many", 2.0), ("none", 0.0)):
        for mean in (5, 20, 100):
            for spread in (0.0, 0.02):
                for after in (35, 84):
                    first = [first_day(mean, spread, after, times) for _ in range(runs)]
                    told = f"chance and {np.sqrt(spread):.0%}" if spread else "chance"
                    middle, late = (
                        f"day {day:.0f}" if day <= 60 else "> 60 d"
                        for day in np.quantile(first, [0.5, 0.9], method="higher")
                    )
                    yield (
                        f"| {words} | {mean} | {told} | {after} days | {middle} | {late} | "
                        f"{np.mean(np.array(first) <= 60):.0%} |"
                    )


def first_day(mean: float, spread: float, after: int, times: float) -> int:
    """The day of the change on whose evening it is found first, 1 the first; 61: not in 60."""
    begin = after + int(RNG.integers(7))
    days = live(lambda _day: mean, spread, begin + 60, lambda day: times if day >= begin else 1.0)
    for day, found in enumerate(days):
        if found and day >= begin:
            return day - begin + 1
    return 61


def main() -> None:
    """Print the tables that were named, or both."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for table in (quarters, far_fewer):
        if len(sys.argv) > 2 and table.__name__ not in sys.argv[2:]:
            continue
        started = time.perf_counter()
        for row in table(runs):
            print(row, flush=True)
        print(f"\n{table.__name__}: {runs} runs, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
