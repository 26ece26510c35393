"""How often and how soon shifts were found, with exact intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bedside.core.errors import Invalid
from bedside.metrics.intervals import clopper_pearson, garwood

__all__ = ["Rate", "false_alarms", "found_rows", "rate", "rate_per"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A rate with its 95 % interval; `of` is what it is a rate of: runs, or quarters."""

    estimate: float
    low: float
    high: float
    of: int

    def as_json(self) -> dict[str, float]:
        """As JSON."""
        return asdict(self)


def rate(hits: int, of: int) -> Rate:
    """The share of `of`, with the interval of Clopper and Pearson.

    Raises:
        Invalid: `hits` is not between 0 and `of`, or `of` is 0.

    >>> told = rate(19, 20)
    >>> round(told.low, 4), round(told.high, 4)
    (0.7513, 0.9987)
    """
    if not 0 <= hits <= of or of == 0:
        raise Invalid("A share needs hits among at least one.", fix="give 0 to `of` hits.")
    low, high = clopper_pearson(hits, of)
    return Rate(estimate=hits / of, low=low, high=high, of=of)


def rate_per(events: int, periods: int) -> Rate:
    """Events in each period, with Garwood's exact interval of a Poisson count.

    Raises:
        Invalid: a number is below 0, or there is no period.

    >>> told = rate_per(0, 200)
    >>> round(told.high, 4)
    0.0184
    """
    if events < 0 or periods < 1:
        raise Invalid("A rate needs at least one period.", fix="give 1 period or more.")
    low, high = garwood(events)
    return Rate(estimate=events / periods, low=low / periods, high=high / periods, of=periods)


def false_alarms(quarters: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The alarms of quiet quarters: how many in each, and of which streams' families."""
    count = sum(len(one) for one in quarters)
    families: dict[str, int] = {}
    for one in quarters:
        for alarm in one:
            family = str(alarm["streams"][0]).partition(":")[0]
            families[family] = families.get(family, 0) + 1
    return {
        "alarms": count,
        "per_quarter": rate_per(count, max(len(quarters), 1)).as_json(),
        "with_any": rate(sum(bool(one) for one in quarters), max(len(quarters), 1)).as_json(),
        "families": dict(sorted(families.items(), key=lambda item: (-item[1], item[0]))),
    }


def found_rows(
    runs: Sequence[Mapping[str, Any]], injections: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One row for each injection: found, how soon, named right; in the order of `injections`.

    Args:
        runs: As trials tell them.
        injections: By id: kind, words, signal, full, causes, and `theory`, the sample size of the
            theory where there is one.
    """
    by_id: dict[str, list[Mapping[str, Any]]] = {name: [] for name in injections}
    for run in runs:
        by_id[str(run["injection"])].append(run)
    return [_row(injections[name], some) for name, some in by_id.items() if some]


def _row(told: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found = [run for run in runs if run["delay"] is not None]
    named: dict[str, int] = {}
    for run in found:
        named[run["cause"]] = named.get(run["cause"], 0) + 1
    row: dict[str, Any] = {
        **told,
        "runs": len(runs),
        "found": rate(len(found), len(runs)).as_json(),
        "first_run": _within(runs, 0),
        "second_run": _within(runs, 1),
        "delay_days": _median([run["delay"] for run in found]),
        "right": rate(sum(run["right"] for run in found), len(found)).as_json() if found else None,
        "right_strict": _named_right(found, "strict"),
        "settled": _named_right(found, "settled"),
        "settled_strict": _named_right(found, "settled_strict"),
        "named": dict(sorted(named.items(), key=lambda item: (-item[1], item[0]))),
        "by_onset": {
            str(onset): rate(
                sum(run["delay"] is not None for run in runs if run["onset"] == onset),
                sum(run["onset"] == onset for run in runs),
            ).as_json()
            for onset in sorted({run["onset"] for run in runs})
        },
    }
    if told.get("theory"):
        row["labelled"] = _median([run["labelled"] for run in found])
        soon = [run for run in found if run["labelled"] < 2 * told["theory"]]
        row["before_twice"] = rate(len(soon), len(runs)).as_json()
    return row


def _within(runs: Sequence[Mapping[str, Any]], days: int) -> dict[str, float]:
    soon = [run for run in runs if run["delay"] is not None and run["delay"] <= days]
    return rate(len(soon), len(runs)).as_json()


def _named_right(found: Sequence[Mapping[str, Any]], which: str) -> dict[str, float] | None:
    told = [run for run in found if run.get(which) is not None]
    return rate(sum(run[which] for run in told), len(told)).as_json() if told else None


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None
