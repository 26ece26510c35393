"""Causes that show in outcomes alone: how often, how late, for whom, and because of the model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bedside.core.records.watch import Finding
from bedside.monitor.causes.evidence_of import FEWEST, Evidence, Move
from bedside.monitor.causes.explained import Case, Explanation, onset_of
from bedside.monitor.stream.streams import PERFORMANCE, POOLED
from bedside.monitor.wording import per_cent

__all__ = ["explained_by_outcomes", "late_labels"]

_SURE = 3.0  # standard errors
_UNLIKELY = 6.6  # chi squared that 1 of 100 standing still reach
_ENOUGH = 20  # patients outside the group
_OTHERS = 0.35  # of the group's own change: others that move less than this stand still


def late_labels(case: Case, findings: Sequence[Finding]) -> list[Explanation]:
    """Outcomes that come later, or sooner, than they did."""
    mine = case.of(findings, "delay")
    if not mine:
        return []
    onset = onset_of(mine)
    told = mine[0]
    now = "" if told.now is None else f", now {per_cent(told.now)}"
    return [
        Explanation(
            cause="label_delay", kind="labels", onset=onset, findings=tuple(mine),
            what=f"outcomes come {'later' if told.side == 'down' else 'sooner'} than before: "
            f"{per_cent(told.then)} came within the usual delay{now}",
        )
    ]  # fmt: skip


def explained_by_outcomes(case: Case, findings: Sequence[Finding]) -> list[Explanation]:
    """What is behind figures of performance that no input explains: one cause."""
    mine = case.of(findings, *PERFORMANCE)
    if not mine:
        return []
    onset = onset_of(mine)
    evidence = case.since(onset)
    return [
        _treated(evidence, mine, onset)
        or _one_group(evidence, mine, onset)
        or _for_all(evidence, mine, onset)
    ]


def _one_group(evidence: Evidence, findings: Sequence[Finding], onset: int) -> Explanation | None:
    """The group alone in which the model does worse; None: others move as well."""
    groups = [
        move
        for move in evidence.of("group calibration", "group discrimination")
        if abs(move.z) >= _SURE and _others_stand(evidence, move)
    ]
    if not groups:
        return None
    first = max(groups, key=lambda move: _weight(evidence, move.family, move.group))
    several = len({move.group for move in evidence.of(first.family)})
    figures = 2 if "discrimination" in first.family else 1  # of one figure chance makes more
    doubt = (3 - figures) * math.log(several + 1)
    if all(one.group is not None for one in findings):
        doubt = 0.0
    # Nobody's outcomes in sum move because one group is ranked worse.
    families = {"calibration", first.family.removeprefix("group ")}
    whole = max(_weight(evidence, family, None) for family in families)
    if _weight(evidence, first.family, first.group) < whole + doubt:
        return None
    group = first.group or ""
    return Explanation(
        cause="subgroup_only", kind="fairness", groups=(group,), onset=onset,
        findings=tuple(findings), what=f"for {group} alone, {told_of(first)}",
    )  # fmt: skip


def _weight(evidence: Evidence, family: str, group: str | None) -> float:
    """How surely a figure moved, of a group or of everybody: its streams' z squared, added."""
    moves = [one for one in evidence.of(family) if one.group == group and one.id != POOLED]
    if "discrimination" in family:
        moves = [move for move in moves if move.change < 0]
    return sum(move.z**2 for move in moves)


def _others_stand(evidence: Evidence, move: Move) -> bool:
    """Whether everyone outside the group stands still, in the same figure."""
    others = _others(evidence, move)
    if others is None:
        return False
    change, z = others
    return abs(z) < _SURE or abs(change) < _OTHERS * abs(move.change)


def _others(evidence: Evidence, move: Move) -> tuple[float, float] | None:
    """Change and z of everyone outside the group, of the same figure; None: too few."""
    family = move.family.removeprefix("group ")
    whole = next((one for one in evidence.of(family) if move.id.split(":")[0] == one.id), None)
    if whole is None or whole.n - move.n < _ENOUGH:
        return None
    n = whole.n - move.n
    change = (whole.change * whole.n - move.change * move.n) / n
    error = abs(whole.error) * math.sqrt(whole.n / n)
    return change, change / error if error else 0.0


def _treated(evidence: Evidence, findings: Sequence[Finding], onset: int) -> Explanation | None:
    """Outcomes rarer where staff acted on an alert, and not elsewhere; None: not so."""
    acted = _odds(evidence, "acted")
    others = _odds(evidence, "not alerted", "not shown", "shown")
    if acted is None or acted.z > -_SURE:
        return None
    if others is not None:
        moved = others.shift**2 * others.weight / _unsure(evidence, others)
        if moved > min(_misfit_of_one_shift(acted, others), _UNLIKELY):
            return None
    return Explanation(
        cause="treatment_effect", kind="performance", onset=onset, findings=tuple(findings),
        what=f"the outcome is rarer than foretold where staff acted on an alert, by "
        f"{per_cent(-acted.mean)} of those patients, and elsewhere about as foretold",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Odds:
    """Outcome less risk of n: its mean, the shift of the log-odds that makes it, its weight."""

    n: float
    mean: float
    shift: float
    weight: float

    @property
    def z(self) -> float:
        """The shift in standard errors."""
        return self.shift * math.sqrt(self.weight)


def _misfit_of_one_shift(one: _Odds, other: _Odds) -> float:
    """Chi squared of one shift for both: what a rarer outcome for everybody would leave."""
    both = one.weight + other.weight
    return one.weight * other.weight / both * (one.shift - other.shift) ** 2


def _unsure(evidence: Evidence, some: _Odds) -> float:
    """How many times larger the variance of a shift is because the baseline is measured too.

    For a baseline of b patients and n since it is 1 + n / b, which the error of everybody's
    residuals, (1 + outcome - risk) / 2, tells beside the variance of the outcomes.
    """
    whole = next((one for one in evidence.of("calibration") if one.group is None), None)
    if whole is None:
        return 1.0
    alone = some.weight / some.n / 4 / whole.n
    return 1 + max(whole.error**2 / alone - 1, 0.0) * some.n / whole.n


def _odds(evidence: Evidence, *care: str) -> _Odds | None:
    """Of the patients with this care; None: ten or fewer.

    A shift of everybody's log-odds by d moves the sum of outcomes by d times the sum of p (1 - p).
    """
    cells = [evidence.treated[name] for name in care if name in evidence.treated]
    n, residual, variance = (sum(cell[place] for cell in cells) for place in range(3))
    if n < FEWEST or variance <= 0:
        return None
    return _Odds(n, residual / n, residual / variance, variance)


def _for_all(evidence: Evidence, findings: Sequence[Finding], onset: int) -> Explanation:
    """The outcome's frequency, or the model's ranking: whichever moved more surely."""
    residual = max((abs(move.z) for move in evidence.of("calibration")), default=0.0)
    ranking = [move for move in evidence.of("discrimination") if move.change < 0]
    worse = max((abs(move.z) for move in ranking), default=0.0)
    if worse > residual:
        return Explanation(
            cause="model_degraded", kind="performance", onset=onset, findings=tuple(findings),
            what=f"{told_of(ranking[0])}, and no input explains it",
        )  # fmt: skip
    moves = evidence.of("calibration", "group calibration", "discrimination")
    groups = tuple(sorted({one.group for one in findings if one.group}))
    if not moves:
        return Explanation(
            cause="unknown", kind="performance", onset=onset, groups=groups,
            findings=tuple(findings), what="the model does otherwise than before",
        )  # fmt: skip
    return Explanation(
        cause="prevalence", kind="performance", onset=onset, findings=tuple(findings),
        what=f"{told_of(moves[0])}, while the inputs are as before",
    )  # fmt: skip


def told_of(move: Move) -> str:
    """What a figure of performance did, in words."""
    if "calibration" in move.family:
        rarer = "rarer" if move.change < 0 else "more frequent"
        return (
            f"the outcome is {rarer} than foretold, by {per_cent(2 * abs(move.change))} of patients"
        )
    side = "worse" if move.change < 0 else "better"
    return (
        f"the model ranks patients {side}, AUROC about {move.now:.2f} where it was {move.then:.2f}"
    )
