"""Builders for tests of the monitor of live answers: an ordinary ward, unless you say otherwise."""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np

from bedside.core.records.codes_seen import NOT_COUNTED, CodeSeen, codes_from_text, codes_to_text
from bedside.monitor.stream.answers import ABSTENTION, FAILURE, SCORE, UNKNOWN_DAY, Answers
from bedside.monitor.stream.baseline import Baseline, make_baseline
from bedside.monitor.stream.draws import draws, first_of_day

__all__ = ["CATEGORIES", "a_baseline", "rearranged", "slow_values", "ward_answers"]

FEATURES = ("age", "lactate", "ward_type", "on_oxygen", "zinc")
CODES = {
    codes_to_text([CodeSeen("lactate", "LOINC//2524-7", True)]): 0.5,
    codes_to_text([CodeSeen("lactate", "LOINC//32693-4", True)]): 0.2,
    codes_to_text(
        [CodeSeen("on_oxygen", "yes", True, text=True), CodeSeen("", "LOINC//1-8", False)]
    ): 0.2,
    codes_to_text([CodeSeen("on_oxygen", "ja", False)]): 0.05,
    NOT_COUNTED: 0.05,
}
"""What questions of the ward see, and how often."""

CATEGORIES = {"ward_type": ("medical", "surgical", "other")}


def ward_answers(
    patients: int = 300, *, asked: int = 4, days: int = 6, seed: int = 0, strange: bool = True
) -> Answers:
    """Answers about patients who are asked about every 8 hours; some without score or subject.

    Args:
        patients: How many.
        asked: How often each.
        days: Over how many days they arrive.
        seed: Of the draws of patients.
        strange: Whether abstentions, failures and erased subjects are among them.
    """
    drawn = np.random.default_rng(seed)
    n = patients * asked
    subject = np.repeat(np.arange(patients) + 1000, asked)
    hours = np.tile(np.arange(asked) * 8.0, patients)
    day = 20_000 + np.repeat(drawn.integers(0, days, patients), asked) + (hours // 24).astype(int)
    age = np.repeat(drawn.normal(65, 15, patients), asked)
    lactate = np.where(drawn.random(n) < 0.2, np.nan, drawn.lognormal(0.4, 0.5, n))
    ward_type = drawn.integers(0, 3, n).astype(float)
    oxygen = (drawn.random(n) < 0.3).astype(float)
    zinc = np.full(n, np.nan)
    odds = 0.03 * (age - 65) + 0.6 * oxygen + np.nan_to_num(lactate - 1.5) - 1.2
    risk = 1 / (1 + np.exp(-odds))
    label = (drawn.random(n) < risk).astype(float)
    wait = drawn.integers(0, 5, n)
    unknown = drawn.random(n) < 0.1
    told = Answers(
        day=day,
        subject=subject,
        hours=hours,
        outcome=np.full(n, SCORE, dtype=np.int8),
        reason=np.full(n, "", dtype="U20"),
        risk=risk,
        alert=risk >= 0.4,
        shown=drawn.random(n) < 0.8,
        latency_ms=drawn.gamma(4, 5, n),
        features=FEATURES,
        matrix=np.stack([age, lactate, ward_type, oxygen, zinc], axis=1),
        label=np.where(unknown, np.nan, label),
        label_day=np.where(unknown, UNKNOWN_DAY, day + wait),
        acted=drawn.random(n) < 0.3,
        groups={"sex": np.where(subject % 2, "female", "male")},
        codes=np.array(list(CODES))[drawn.choice(len(CODES), n, p=list(CODES.values()))],
    )
    return _with_strange(told, drawn) if strange else told


def _with_strange(told: Answers, drawn: Any) -> Answers:
    n = len(told)
    withheld, failed = drawn.random(n) < 0.08, drawn.random(n) < 0.02
    none = withheld | failed
    outcome = np.where(failed, FAILURE, np.where(withheld, ABSTENTION, told.outcome))
    reason = np.where(failed, "model_failed", np.where(withheld, "missing", told.reason))
    erased = drawn.random(n) < 0.03
    return replace(
        told,
        outcome=outcome.astype(np.int8),
        reason=reason,
        risk=np.where(none | erased, np.nan, told.risk),
        alert=told.alert & ~none,
        matrix=np.where((none | erased)[:, None], np.nan, told.matrix),
        subject=np.where(erased, -1, told.subject),
    )


def a_baseline(answers: Answers | None = None, **parts: Any) -> Baseline:
    """The baseline of a ward."""
    told: dict[str, Any] = {
        "signals": {"age": None, "lactate": "lactate", "ward_type": "ward"},
        "titles": {"lactate": "last lactate"},
        "categories": CATEGORIES,
        "threshold": 0.4,
        "seed": 7,
        "minimum": 30,
        "live": True,
    }
    return make_baseline(ward_answers(400) if answers is None else answers, **(told | parts))


def rearranged(answers: Answers, order: Any) -> Answers:
    """The same answers in another order."""
    return answers.take(np.asarray(order))


def slow_values(baseline: Baseline, answers: Answers) -> dict[tuple[str, int], list[float]]:
    """The values of every stream on every day, one row after the other: what the tallies must be.

    It is told in the words of the design, without cells: each value is looked up by itself.
    """
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    drawn = draws(baseline, answers).rows
    first = first_of_day(answers)
    spots = _last_of_days(answers)
    column = {name: place for place, name in enumerate(answers.features)}
    for row in range(len(answers)):
        day = int(answers.day[row])
        for stream in baseline.streams:
            value, when = None, day
            if stream.family == "answering":
                value = _answering(baseline, stream.id, answers, row) if first[row] else None
            elif stream.family == "delay":
                when = day + baseline.usual_delay_days
                value = float(answers.label_day[row] <= when) if drawn[row] else None
            elif stream.family == "codes":
                value = _of_codes(stream.id, str(answers.codes[row])) if drawn[row] else None
            elif stream.feature is not None:
                feature = baseline.features[column[stream.feature]]
                if row in spots if stream.spot else drawn[row]:
                    told = answers.matrix[row, column[stream.feature]]
                    value = _of_feature(feature, stream, told)
            elif drawn[row] and not np.isnan(answers.risk[row]):
                value, when = _of_risk(baseline, stream, answers, row, day)
            if value is not None:
                found[stream.id, when].append(value)
    return found


def _last_of_days(answers: Answers) -> set[int]:
    """The last answer of each subject on each day, of those within 72 hours that can be read."""
    latest: dict[tuple[int, int], int] = {}
    for row in range(len(answers)):
        known = not (np.isnan(answers.risk[row]) and np.isnan(answers.matrix[row]).all())
        if answers.subject[row] < 0 or not known or answers.outcome[row] == FAILURE:
            continue
        if answers.hours[row] < 72:
            key = int(answers.subject[row]), int(answers.day[row])
            if key not in latest or answers.hours[row] > answers.hours[latest[key]]:
                latest[key] = row
    return set(latest.values())


def _answering(baseline: Baseline, name: str, answers: Answers, row: int) -> float:
    kind, _, reason = name.partition(":")
    if kind == "slow":
        return float(answers.latency_ms[row] >= baseline.slow_ms)
    if kind == "failure":
        return float(answers.outcome[row] == FAILURE)
    withheld = answers.outcome[row] == ABSTENTION
    return float(withheld and (not reason or answers.reason[row] == reason))


def _of_codes(name: str, text: str) -> float | None:
    """Of a known code, whether it is among those of its signal; else whether one is unknown."""
    if text == NOT_COUNTED:
        return None
    kind, _, about = name.partition(":")
    signal, _, code = about.partition("=")
    mine = [one for one in codes_from_text(text) if one.signal == signal]
    if kind == "unknown_code":
        return float(any(not one.known for one in mine))
    return float(any(one.code == code for one in mine)) if mine else None


def _of_feature(feature: Any, stream: Any, value: float) -> float | None:
    if stream.family == "missing":
        return float(np.isnan(value))
    if np.isnan(value):
        return None
    if stream.family == "level":
        return float(feature.levels[int(value)] == stream.id.split("=")[1])
    rank, beyond = _rank(feature.grid, value)
    if stream.family == "beyond":
        return float(beyond)
    if stream.family == "tail":
        return float(
            _in_tail(feature.grid, stream.id.removeprefix("today:").partition(":")[0], value)
        )
    return abs(2 * rank - 1) if stream.family == "spread" else rank


def _of_risk(
    baseline: Baseline, stream: Any, answers: Answers, row: int, day: int
) -> tuple[float | None, int]:
    risk, label = answers.risk[row], answers.label[row]
    kind, _, group = stream.id.partition(":")
    if kind in ("score", "score_spread", "alert"):
        rank = _rank(baseline.risk, risk)[0]
        values = {"score": rank, "score_spread": abs(2 * rank - 1)}
        return values.get(kind, float(answers.alert[row])), day
    if np.isnan(label) or (group and answers.groups["sex"][row] != group.split(": ")[1]):
        return None, day
    return _of_label(baseline, kind, risk, label), int(answers.label_day[row])


def _of_label(baseline: Baseline, kind: str, risk: float, label: float) -> float | None:
    if kind == "residual":
        return (1 + label - baseline.calibrated[bisect_right(baseline.risk.edges, risk)]) / 2
    if kind == "placement_case":
        return _rank(baseline.controls, risk)[0] if label else None
    if kind == "placement" and label:
        return _rank(baseline.controls, risk)[0]
    return None if label else 1 - _rank(baseline.cases, risk)[0]


def _in_tail(grid: Any, side: str, value: float) -> bool:
    """Whether a value is in the cells that hold, from one end, nearest to a tenth."""
    cell = bisect_right(grid.edges, value)
    shares = list(grid.shares)
    if side == "high":
        shares.reverse()
        cell = len(shares) - 1 - cell
    sums = [sum(shares[: last + 1]) for last in range(len(shares))]
    return cell <= min(range(len(sums)), key=lambda last: abs(sums[last] - 0.1))


def _rank(grid: Any, value: float) -> tuple[float, bool]:
    """Mid-rank of a value, and whether it is beyond the usual."""
    cell = bisect_right(grid.edges, value)
    total = sum(grid.shares)
    rank = (sum(grid.shares[:cell]) + grid.shares[cell] / 2) / total
    last = len(grid.shares) - 1
    return rank, (cell == 0 and grid.low) or (cell == last and grid.high)
