"""How often the detectors of a watched version cry wolf, and how soon they see one.

Run: OMP_NUM_THREADS=1 python benchmarks/alarm_run_lengths.py [RUNS [TABLE ...]]

The tables are as_before, baselines, few_judged, uneven_days, sudden, auroc_drops and
calibrations. With the word `proved` among them, bars are those of `budget: proved`, else those of
`budget: measured`.

Simulated streams of known means, by the budget of one false alarm in 90 days, at the shares of
the budget and the ranges of means that the product uses. A detector that alarms starts anew, as
after a person resolves the alarm. Intervals are of 95 %, over runs.
"""

import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import norm

from bedside.core.records.watch import Watch
from bedside.metrics.sample_sizes import auroc_sample_size, observed_expected_sample_size
from bedside.metrics.sequential import STAKES, advanced, between_day_sd, evidence, wealth_by
from bedside.monitor.detectors.detecting import bars, weights_of
from bedside.monitor.stream.families import FAMILIES, rules_of
from bedside.monitor.stream.margins import mean_range, share_range
from bedside.monitor.stream.streams import Baseline, Stream

DAYS, PER_DAY = 360, 20
QUIET = 30
RNG = np.random.default_rng(20_260)
RATES = "false alarms in 90 days | first alarm, mean | none in 360 days |"
FOUND = "fixed-sample size | median | 90 % by | before 2 × the size |"
Array = np.ndarray
PROVED = "proved" in sys.argv
PART = FAMILIES["calibration"].weight / sum(one.weight for one in FAMILIES.values())
SLOW, SUDDEN = (np.array(weights_of(family)) for family in ("calibration", "missing"))


def spared(bar: Array | list[float], family: str) -> Array:
    """A proved bar, lowered where the budget is the measured one."""
    return np.asarray(bar) - (0.0 if PROVED else np.log(rules_of(family).spare))


def bars_of(sizes: dict[str, int]) -> Array:
    """The bars of so many streams of each family, where every other family has one."""
    sizes = dict.fromkeys(FAMILIES, 1) | sizes
    streams = tuple(
        Stream(
            id=f"{family}:{i}", kind="input", family=family, feature=None, signal=None, group=None,
            title="", mean=0.5, sd=0.5, n=1, least=0.4, most=0.6,
        )
        for family, size in sizes.items() for i in range(size)
    )  # fmt: skip
    baseline = Baseline(
        made_from="", streams=streams, subjects=1, seed=1, span_hours=0.0, threshold=None,
        features=(), risk=None,
    )  # fmt: skip
    found = bars(baseline, Watch(budget="proved" if PROVED else "measured"))
    return np.array([bar for bar, one in zip(found, streams, strict=True) if sizes[one.family] > 1])


def of_shares(ones: Array, n: Array, least: Array, most: Array) -> Array:
    """The wealth of values of 0 and 1 from how many are 1: as `wealth_by`, without the values."""
    stakes = np.array(STAKES)
    ones, zeros = ones[..., None], (n - ones)[..., None]
    up = ones * np.log1p(stakes * (1 / most[..., None] - 1)) + zeros * np.log1p(-stakes)
    low = (1 - least)[..., None]
    down = ones * np.log1p(-stakes) + zeros * np.log1p(stakes * (1 / low - 1))
    return np.stack([up, down], axis=-2)


def rate(draw: Callable[[int, Array], tuple[Array, Array]], shape: tuple[int, int], bar: Array,
         least: Array, most: Array) -> str:  # fmt: skip
    """False alarms in 90 days, and the first one's day, of shape (runs, streams)."""
    state = np.zeros((*shape, 2, len(STAKES)))
    alarms, first = np.zeros(shape[0]), np.full(shape[0], DAYS)
    for day in range(DAYS):
        ones, n = draw(day, state)
        state = advanced(state, of_shares(ones, n, least, most))
        over = (evidence(state, SUDDEN) >= bar[..., None]).any(axis=-1)
        alarms += over.sum(axis=1)
        first = np.where(over.any(axis=1), np.minimum(first, day + 1), first)
        state[over] = 0.0
    each = alarms / DAYS * 90
    half = 1.96 * each.std() / np.sqrt(each.size)
    none = (first == DAYS).mean()
    return (
        f"{each.mean():.3f} ({max(each.mean() - half, 0):.3f} to {each.mean() + half:.3f}) | "
        f"{'> ' if none else ''}{first.mean():.0f} d | {none:.0%}"
    )


def steady(p: Array | float, shape: tuple[int, int], per_day: int = PER_DAY) -> Callable:
    """Draws with these means; Poisson patients a day."""

    def draw(_day: int, _state: Array) -> tuple[Array, Array]:
        n = np.broadcast_to(RNG.poisson(per_day, (shape[0], 1)), shape)
        return RNG.binomial(n, p, shape), n

    return draw


def as_before(runs: int) -> Iterator[str]:
    """Nothing changes: how often an alarm comes all the same."""
    yield f"\n| as before | streams | {RATES}"
    yield "|---|---|---|---|---|"
    for streams in (1, 40, 1500):
        size = max(10, min(runs, 40_000 // streams))
        shape = (size, streams)
        bar = spared(
            np.full(streams, np.log(2 * 90 * streams)), "missing"
        )  # the whole budget is theirs
        least, most = np.full(shape, 0.08), np.full(shape, 0.12)
        yield f"| at the mean | {streams} | {rate(steady(0.10, shape), shape, bar, least, most)} |"
        at_edge = rate(steady(0.12, shape), shape, bar, least, most)
        yield f"| at the edge of the range | {streams} | {at_edge} |"

        def alike(day: int, state: Array, shape: tuple[int, int] = shape) -> tuple[Array, Array]:
            n = RNG.poisson(PER_DAY, (shape[0], 1))
            return (np.broadcast_to(x, shape) for x in (RNG.binomial(n, 0.12), n))  # type: ignore[return-value]

        def against(day: int, state: Array, shape: tuple[int, int] = shape) -> tuple[Array, Array]:
            up = state[..., 0, :].max(axis=-1) >= state[..., 1, :].max(axis=-1)
            return steady(np.where(up, 0.12, 0.08), shape)(day, state)

        if streams > 1:
            yield f"| all alike, at the edge | {streams} | {rate(alike, shape, bar, least, most)} |"
        wandering = rate(against, shape, bar, least, most)
        yield f"| wandering in the range, always for the worse | {streams} | {wandering} |"


def baselines(runs: int) -> Iterator[str]:
    """The baseline is measured on few: its error is in the range of means.

    The streams are of one family, whose part of the budget is 0.08 in 90 days.
    """
    yield f"\n| baseline of | streams | {RATES}"
    yield "|---|---|---|---|---|"
    size, streams = max(10, min(runs, 30)), 1000
    shape = (size, streams)
    bar = bars_of({"missing": streams})
    for n in (200, 1000, 5000):
        true = np.broadcast_to(RNG.uniform(0.02, 0.6, streams), shape)
        counts = RNG.binomial(n, true)
        ranges = {int(c): share_range("missing", int(c), n)[1:] for c in np.unique(counts)}
        least = np.vectorize(lambda c, r=ranges: r[int(c)][0])(counts)
        most = np.vectorize(lambda c, r=ranges: r[int(c)][1])(counts)
        inside = ((true >= least) & (true <= most)).mean()
        found = rate(steady(true, shape), shape, bar, least, most)
        yield f"| {n} patients ({inside:.1%} of ranges hold) | {streams} | {found} |"


def uneven_days(runs: int) -> Iterator[str]:
    """The mean itself varies from day to day: not promised, and what a wider range does.

    The streams are of one family, whose part of the budget is 0.08 in 90 days.
    """
    yield f"\n| days vary by | patients a day | range | {RATES}"
    yield "|---|---|---|---|---|---|"
    size, streams = max(20, min(runs, 200)), 40
    shape, mean = (size, streams), 0.10
    bar = bars_of({"missing": streams})

    def vary(kind: str, amount: float, per_day: int) -> Callable:
        def draw(day: int, _state: Array) -> tuple[Array, Array]:
            if kind == "chance":
                a = mean * (mean * (1 - mean) / amount**2 - 1)
                p = RNG.beta(a, a * (1 - mean) / mean, shape)
            else:
                p = np.full(shape, mean + amount * np.sqrt(2) * np.sin(2 * np.pi * day / 7))
            return steady(p, shape, per_day)(day, _state)

        return draw

    for kind, words in (("chance", "chance"), ("week", "a weekly wave")):
        for amount in (0.01, 0.02, 0.04):
            for per_day in (20, 100):
                draw = vary(kind, amount, per_day)
                live = [draw(day, np.zeros(0)) for day in range(90)]
                ones, n = (np.array([x[i].ravel() for x in live]) for i in (0, 1))
                spread = between_day_sd(n, ones, ones).reshape(shape)
                seen = ones.mean(axis=0).reshape(shape) / n.mean(axis=0).reshape(shape)
                for name, wider in (("as declared", 0.0), ("and 2 sd of days", 2.0)):
                    middle = mean if wider == 0 else seen
                    margin = np.maximum(0.02, wider * spread)
                    low, high = np.clip(middle - margin, 0, 0.99), np.clip(middle + margin, 0.01, 1)
                    found = rate(draw, shape, bar, low, high)
                    yield f"| {words}, sd {amount} | {per_day} | {name} | {found} |"


def detected(
    draw: Callable[[bool], Array], bar: Array, least: Array, most: Array, days: int
) -> Array:
    """The day of the first alarm of each run, `days + 1` where none comes.

    The change comes after `QUIET` days as before; a run that alarms before it starts anew.
    """
    runs, streams = least.shape
    first = np.full(runs, days + 1)
    state = np.zeros((runs * streams, 2, len(STAKES)))
    for day in range(-QUIET, days):
        values = draw(day >= 0)
        place = np.repeat(np.arange(runs * streams), values.shape[-1])
        won = wealth_by(values.ravel(), place, least.ravel(), most.ravel())
        state = advanced(state, won)
        over = evidence(state, SLOW).max(axis=1) >= np.tile(bar, runs)
        if day < 0:
            state[over] = 0.0
        else:
            found = over.reshape(runs, -1).any(axis=1)
            first[found] = np.minimum(first[found], day + 1)
    return first


def line(words: str, size: int, first: Array, per_day: int) -> str:
    """A row of the power table."""
    in_time = (first * per_day <= 2 * size).mean()
    half = 1.96 * np.sqrt(in_time * (1 - in_time) / first.size)
    middle, late = (
        f"{day * per_day:.0f}" if day * per_day <= 2 * size else f"> {2 * size}"
        for day in np.quantile(first, [0.5, 0.9])
    )
    return f"| {words} | {size} | {middle} | {late} | {in_time:.0%} (± {half:.0%}) |"


def auroc_drops(runs: int) -> Iterator[str]:
    """AUROC 0.85 to 0.80, the risks of events fallen, or of both kinds moved half the way."""
    yield f"\n| change | share of events | baseline | {FOUND}"
    yield "|---|---|---|---|---|---|---|"
    bar = bars_of({"discrimination": 3})
    for share, subjects in ((0.1, 0), (0.3, 0), (0.1, 20_000)):
        counts = np.array([share, 1 - share]) * (subjects or 1e12)
        known = None if not subjects else (counts[0], counts[1])
        size = auroc_sample_size(0.85, 0.05, event_share=share, baseline=known).subjects
        per_day = max(10, size // 50)
        for how, part in (("of events", 1.0), ("of both, half each", 0.5)):
            draw = placements(runs, per_day, share, part)
            means = 0.85 + RNG.normal(0, 0.19 / np.sqrt(counts), (runs, 2))
            low, high = ranges("discrimination", means, 0.19, counts, share)
            pooled = means @ counts[:, None] / counts.sum()
            ends = ranges("discrimination", pooled, 0.19, counts.sum(), share, pooled=True)
            low, high = np.hstack([low, ends[0]]), np.hstack([high, ends[1]])
            first = detected(draw, bar, low, high, 2 * size // per_day)
            told = f"{subjects:,} patients" if subjects else "known"
            yield line(f"AUROC 0.85 → 0.80, {how} | {share} | {told}", size, first, per_day)


def placements(runs: int, n: int, share: float, part: float) -> Callable[[bool], Array]:
    """Of events among the baseline's non-events, the other way, and both; shape (runs, 3, n)."""
    before, after = np.sqrt(2) * norm.ppf([0.85, 0.80])

    def draw(changed: bool) -> Array:
        lost = (before - after) * changed
        event = RNG.random((runs, n)) < share
        moved = np.where(event, before - part * lost, (1 - part) * lost)
        risk = RNG.normal(0, 1, (runs, n)) + moved
        placed = np.where(event, norm.cdf(risk), 1 - norm.cdf(risk - before))
        apart = [np.where(event, placed, np.nan), np.where(event, np.nan, placed)]
        return np.stack([*apart, placed], axis=1)

    return draw


def ranges(
    family: str, means: Array, sd: float, n: Array, share: float, *, pooled: bool = False
) -> tuple[Array, Array]:
    """The ranges that the product would give these baselines, shape (runs, streams) twice."""
    n = np.broadcast_to(n, means.shape)
    ends = [
        mean_range(family, m, sd, k, share, pooled=pooled)
        for m, k in zip(means.flat, n.flat, strict=True)
    ]
    low, high = np.array(ends).T
    return low.reshape(means.shape), high.reshape(means.shape)


def calibrations(runs: int) -> Iterator[str]:
    """A fifth more, or fewer, events than were foretold."""
    yield f"\n| change | share of events | baseline | {FOUND}"
    yield "|---|---|---|---|---|---|---|"
    bar = spared([np.log(180 / PART)], "calibration")
    for share, subjects in ((0.02, 0), (0.1, 0), (0.3, 0), (0.1, 20_000)):
        a, b = 1.2, 1.2 * (1 - share) / share
        spread = share * (1 - share) / (a + b + 1)
        sd = float(np.sqrt(share * (1 - share) - spread) / 2)
        for ratio in (1.2, 0.8):
            size = observed_expected_sample_size(
                ratio, mean_risk=share, risk_variance=spread, baseline=subjects or None
            )
            per_day = max(10, size // 50)

            def draw(
                changed: bool, n: int = per_day, r: float = ratio, a: float = a, b: float = b
            ) -> Array:
                risk = RNG.beta(a, b, (runs, n))
                label = RNG.random((runs, n)) < np.minimum((r if changed else 1.0) * risk, 1)
                return ((1 + label - risk) / 2)[:, None, :]

            n = np.array([subjects or 1e12])
            means = 0.5 + RNG.normal(0, sd / np.sqrt(n[0]), (runs, 1))
            low, high = ranges("calibration", means, sd, n, share)
            first = detected(draw, bar, low, high, 2 * size // per_day)
            told = f"{subjects:,} patients" if subjects else "known"
            yield line(f"observed/expected {ratio} | {share} | {told}", size, first, per_day)


def few_judged(runs: int) -> Iterator[str]:
    """Nothing changes, and the baseline of the performance is measured on few.

    One patient in ten has the event, and the AUROC is 0.85.
    """
    yield f"\nThe budget is {PART:.3f} for each of the two families."
    yield "\n| baseline of | judged a day | family | runs with a false alarm in 90 days |"
    yield "|---|---|---|---|"
    share, a, b = 0.1, 1.2, 10.8
    sd = float(np.sqrt(share * (1 - share) * (a + b) / (a + b + 1)) / 2)
    for n in (500, 2_000, 20_000):
        for per_day in (20, 100):

            def residuals(changed: bool, k: int = per_day) -> Array:
                risk = RNG.beta(a, b, (runs, k))
                return ((1 + (RNG.random((runs, k)) < risk) - risk) / 2)[:, None, :]

            bar = spared([np.log(180 / PART)], "calibration")
            means = 0.5 + RNG.normal(0, sd / np.sqrt(n), (runs, 1))
            ends = ranges("calibration", means, sd, np.array([n]), share)
            yield few_row(n, per_day, "calibration", detected(residuals, bar, *ends, 90))
            counts = np.array([share, 1 - share]) * n
            means = 0.85 + RNG.normal(0, 0.19 / np.sqrt(counts), (runs, 2))
            low, high = ranges("discrimination", means, 0.19, counts, share)
            pooled = means @ counts[:, None] / n
            ends = ranges("discrimination", pooled, 0.19, np.array(n), share, pooled=True)
            low, high = np.hstack([low, ends[0]]), np.hstack([high, ends[1]])
            placed = placements(runs, per_day, share, 1.0)

            def unchanged(_changed: bool, draw: Callable[[bool], Array] = placed) -> Array:
                return draw(False)

            bar = bars_of({"discrimination": 3})
            yield few_row(n, per_day, "discrimination", detected(unchanged, bar, low, high, 90))


def few_row(n: int, per_day: int, family: str, first: Array) -> str:
    """A row of that table."""
    found = (first <= 90).mean()
    half = 1.96 * np.sqrt(found * (1 - found) / first.size)
    return f"| {n:,} | {per_day} | {family} | {found:.3f} (± {half:.3f}) |"


def sudden(runs: int) -> Iterator[str]:
    """Something changes altogether: how many of 20 patients it takes among 1,500 streams."""
    yield "\n| sudden, 1,500 streams, 20 patients that day | found the same day |"
    yield "|---|---|"
    bar = bars_of({"missing": 500, "rank": 500, "spread": 500})[[0, -1]]
    for words, before, now, least, most, which in (
        ("missing 10 % → 100 %", 0.1, 1.0, 0.08, 0.12, 0),
        ("missing 40 % → 100 %", 0.4, 1.0, 0.38, 0.42, 0),
        ("missing 60 % → 100 %", 0.6, 1.0, 0.58, 0.62, 0),
        ("beyond the usual 1 % → 90 %", 0.01, 0.9, 0.005, 0.015, 0),
        ("ranks 0.5 → all at the top", 0.5, 0.99, 0.47, 0.53, 1),
    ):
        shape = (runs, 1)
        state = np.zeros((*shape, 2, len(STAKES)))
        ends = np.full(shape, least), np.full(shape, most)
        for _ in range(60):
            state = advanced(state, of_shares(*steady(before, shape)(0, state), *ends))
        n = np.full(shape, 20)
        state = advanced(state, of_shares(RNG.binomial(n, now), n, *ends))
        found = (evidence(state, SUDDEN) >= bar[which]).any(axis=(1, 2)).mean()
        yield f"| {words} | {found:.1%} |"


def check() -> None:
    """The short way from counts to wealth is the package's own."""
    x = (RNG.random(50) < 0.3).astype(float)
    own = wealth_by(x, np.zeros(50, int), [0.1], [0.2])
    short = of_shares(np.array([x.sum()]), np.array([50]), np.array([0.1]), np.array([0.2]))
    assert np.allclose(own, short)


def main() -> None:
    """Print the tables that were named, or every one."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    tables = (
        as_before, baselines, few_judged, uneven_days, sudden, auroc_drops, calibrations
    )  # fmt: skip
    check()
    for table in tables:
        named = [word for word in sys.argv[2:] if word != "proved"]
        if named and table.__name__ not in named:
            continue
        started = time.perf_counter()
        for row in table(runs):
            print(row, flush=True)
        print(f"\n{table.__name__}: {runs} runs, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
