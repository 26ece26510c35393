"""How often what is still outside is told to be over, and how soon what is back: alarms.

OMP_NUM_THREADS=1 python benchmarks/alarm_recovery.py
"""

from statistics import median

import numpy as np

from bedside.core.records.watch import Recovery
from bedside.metrics.recovery import returned

DAYS, RUNS = 180, 200
STREAMS = (  # family, mean, most, whether its values are 0 and 1
    ("missing", 0.10, 0.12, True),
    ("missing", 0.10, 0.15, True),
    ("beyond", 0.01, 0.03, True),
    ("rank", 0.50, 0.53, False),
    ("rank", 0.50, 0.55, False),
)


def told_on(values: np.ndarray, least: float, most: float) -> int | None:
    """The first day on which it is told to be back; None: in no day of these."""
    recovery = Recovery()
    after = 7
    n = np.full(len(values), float(values.shape[1]))
    total, squares = values.sum(axis=1), (values**2).sum(axis=1)
    number = np.arange(1, len(values) + 1)
    for day in range(after, len(values) + 1):
        found = returned(n[:day], total[:day], squares[:day], number[:day], edge=most, is_up=True)
        now = total[day - after : day].sum() / n[day - after : day].sum()
        if (
            found.log_evidence >= -np.log(recovery.error)
            and day - found.began >= after
            and found.n >= recovery.patients
            and least <= found.mean <= most
            and least <= now <= most
        ):
            return day
    return None


def main() -> None:
    """Print the table of docs/reference/alarms.md."""
    print("| stream | mean, range | patients a day | at the end of the range: told back | ", end="")
    print("back at its mean: median | 90 % by |\n|---|---|---|---|---|---|")
    for family, mean, most, is_share in STREAMS:
        for each in (20, 100):
            rng = np.random.default_rng(9)
            shape = (RUNS, DAYS, each)
            days = {}
            for at in (most, mean):
                share = (rng.random(shape) < at) * 1.0
                values = share if is_share else rng.beta(at / (1 - at), 1.0, shape)
                days[at] = [told_on(one, 2 * mean - most, most) for one in values]
            wrong = sum(one is not None for one in days[most]) / RUNS
            soon = sorted(DAYS + 1 if one is None else one for one in days[mean])
            by = soon[int(0.9 * RUNS)]
            print(
                f"| {family} | {mean:.2f}, ± {most - mean:.2f} | {each} | {wrong:.3f} | "
                f"{median(soon):.0f} d | {'> 180 d' if by > DAYS else f'{by} d'} |"
            )


if __name__ == "__main__":
    main()
