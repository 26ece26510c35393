"""Causes that lie in who comes: other patients, another place, a season, more or fewer of them."""

from collections.abc import Sequence

from bedside.core.records.watch import Cause, Finding
from bedside.monitor.causes.evidence_of import FEWEST, Evidence, Move
from bedside.monitor.causes.explained import (
    INPUTS,
    Case,
    Explanation,
    aggregate_of,
    onset_of,
    plain,
)
from bedside.monitor.causes.lost_feeds import NEARLY_ALL, lost, moved_signals
from bedside.monitor.causes.one_signal import of_one_signal
from bedside.monitor.wording import number, per_cent

__all__ = ["explained_by_people", "is_about_the_person", "of_new_place", "of_volume"]

ABOUT_THE_PERSON = frozenset(
    ["age", "sex", "gender", "race", "ethnicity", "language", "insurance", "marital", "height"]
)
"""Words of signals that say who a patient is, and are not measured again and again."""

OF_HABITS = ("count", "hours_since", "missing", "hours_active")
SEVERAL = 3  # signals
SPECIFIC = 3.0  # times the next signal's strength: it is that signal, and not the patients
HARDLY_ANY = 0.05  # times as many questions
FULLER = 1.15  # times as many patients
SURE = 3.0  # standard errors
CHANCE = 0.0027  # of as many in two directions
UNMISTAKABLE = 10.0


def explained_by_people(
    case: Case,
    findings: Sequence[Finding],
    aside: Sequence[str],
    families: Sequence[str] = (*INPUTS, "codes", "unlike"),
) -> list[Explanation]:
    """What is left of the findings about inputs: one cause, or one for each signal.

    Args:
        case: What is known.
        findings: That no other cause explains.
        aside: Signals whose moves another cause explains already.
        families: Of the findings that it may be about. Where they are not about inputs, inputs
            that surely moved with them are the explanation.
    """
    mine = [one for one in case.of(findings, *families) if one.group is None]
    if not mine:
        return []
    onset = onset_of(mine)
    evidence = case.since(onset)
    moved = {name: move for name, move in moved_signals(evidence).items() if name not in aside}
    for finding in mine:
        if finding.signal is not None and finding.signal not in moved:
            found = evidence.moves.get(finding.stream)
            if found is not None:
                moved[finding.signal] = found
    if not moved and not any(case.family(one) in INPUTS for one in mine):
        return []
    if _new_level(evidence) is not None:
        return [_of_many(case, evidence, moved, mine, onset)]
    names = {one.signal for one in mine}
    if not moved and len(names) == 1 and None not in names:  # so few that nothing else is known
        (only,) = (str(name) for name in names)
        if not is_about_the_person(only):
            return [of_one_signal(case, only, mine, onset)]
    single = _single(moved)
    if _fuller(evidence) or len(mildly_moved(evidence, aside)) >= SEVERAL:
        single = single if single is not None and _apart(moved) else None
    if single is not None:
        own = [one for one in mine if one.signal == single] or mine
        rest = [one for one in mine if one not in own]
        return [of_one_signal(case, single, [*own, *rest], onset_of(own))]
    return [_of_many(case, evidence, moved, mine, onset)]


def of_volume(case: Case, findings: Sequence[Finding]) -> list[Explanation]:
    """Far more or far fewer questions, with nothing else to explain it."""
    mine = [one for one in findings if one.kind == "volume"]
    if not mine:
        return []
    onset = onset_of(mine)
    volume = case.since(onset).volume
    said = "more or fewer" if volume is None else f"about {number(volume)} times as many"
    if volume is not None and volume < HARDLY_ANY:
        said = "hardly any"
    return [
        Explanation(
            cause="volume", kind="volume", onset=onset, findings=tuple(mine),
            what=f"{said} questions come in a day as before",
        )
    ]  # fmt: skip


def _single(moved: dict[str, Move]) -> str | None:
    """The one signal that it is about; None: it is about several, or about who the patients are."""
    if not moved:
        return None
    ranked = sorted(moved, key=lambda name: (-abs(moved[name].z), name))
    first = ranked[0]
    if is_about_the_person(first):
        return None
    if len(ranked) < SEVERAL and not any(is_about_the_person(name) for name in ranked):
        return first
    return first if abs(moved[first].z) >= SPECIFIC * abs(moved[ranked[1]].z) else None


def is_about_the_person(signal: str) -> bool:
    """Whether a signal says who a patient is.

    >>> is_about_the_person("age_band"), is_about_the_person("lactate")
    (True, False)
    """
    return bool(ABOUT_THE_PERSON & set(signal.lower().replace(".", "_").split("_")))


def _of_many(
    case: Case,
    evidence: Evidence,
    moved: dict[str, Move],
    findings: Sequence[Finding],
    onset: int,
) -> Explanation:
    ranked = sorted(moved, key=lambda name: (-abs(moved[name].z), name))
    cause: Cause = "case_mix"
    place = _new_place(evidence, moved)
    if place is not None:
        cause, what = "new_site", place
    elif evidence.volume is not None and _fuller(evidence):
        cause = "season"
        what = (
            f"{number(evidence.volume)} times as many patients come as before, and they differ in "
            f"{_named(case, ranked)}"
        )
    else:
        what = f"the patients differ from those before in {_named(case, ranked)}"
        told = _person(moved)
        if told:
            what += f" ({told})"
    return Explanation(
        cause=cause,
        kind="input",
        signals=tuple(ranked[:SEVERAL]) if cause == "case_mix" else (),
        onset=onset,
        findings=tuple(findings),
        what=what,
    )


def _fuller(evidence: Evidence) -> bool:
    """Whether far more patients come than before."""
    return evidence.volume is not None and evidence.volume >= FULLER and evidence.volume_z >= SURE


def _apart(moved: dict[str, Move]) -> bool:
    """Whether the first signal moved far more than all others."""
    sizes = sorted((abs(move.z) for move in moved.values()), reverse=True)
    return sizes[0] >= UNMISTAKABLE and (len(sizes) == 1 or sizes[0] >= SPECIFIC * sizes[1])


def mildly_moved(evidence: Evidence, aside: Sequence[str]) -> set[str]:
    """Signals of which a feature moved at all, less as many as chance moves."""
    moves = [move for move in evidence.of(*INPUTS) if move.signal is not None]
    by_chance = 2 * CHANCE * len(moves)
    found = {
        str(move.signal)
        for move in moves
        if abs(move.z) >= SURE and abs(move.change) >= move.matters and move.signal not in aside
    }
    return found if len(found) >= SEVERAL + by_chance else set()


def _new_place(evidence: Evidence, moved: dict[str, Move]) -> str | None:
    """That patients of another place are among them, in words; None: nothing says so."""
    new = _new_level(evidence)
    if new is not None:
        _, share, count = evidence.places[new]
        now = f", {per_cent(share)} now" if count >= FEWEST else ""
        return f"patients of {plain(new)} are among them{now}"
    unlike = [move for move in evidence.of("unlike") if move.strong and move.change > 0]
    if unlike and len(moved) >= SEVERAL:
        return (
            f"{per_cent(unlike[0].now)} of patients are unlike those of the training, where "
            f"{per_cent(unlike[0].then)} were"
        )
    habits, bodies = _habits(evidence)
    if len(habits) >= 2 and len(moved) >= SEVERAL and len(habits) > len(bodies - habits):
        return (
            f"{len(habits)} of {len(evidence.signals())} signals are measured more or less often "
            "than before, as in another place"
        )
    return None


def _new_level(evidence: Evidence) -> str | None:
    """The site or ward that was hardly there; None: there is none."""
    for name, (then, now, _) in sorted(evidence.places.items()):
        if now - then >= 0.05 and then <= 0.02:
            return name
    return None


def of_new_place(case: Case, explanation: Explanation) -> bool:
    """Whether a cause that lies in a signal is what patients of a new place bring with them.

    Their codes, and what is not measured there; not a unit, nor a feed that nobody has any more.
    """
    evidence = case.since(explanation.onset)
    if _new_level(evidence) is None or explanation.cause not in ("coding_change", "feed_lost"):
        return False
    return all(lost(evidence, signal) < NEARLY_ALL for signal in explanation.signals)


def _habits(evidence: Evidence) -> tuple[set[str], set[str]]:
    """Signals of which it moved whether and how often they are measured; those whose values did."""
    habits: set[str] = set()
    bodies: set[str] = set()
    for move in evidence.of(*INPUTS):
        if move.strong and move.signal is not None:
            often = move.family == "missing" or aggregate_of(move) in OF_HABITS
            (habits if often else bodies).add(move.signal)
    return habits, bodies


def _named(case: Case, ranked: Sequence[str]) -> str:
    names = [case.name(signal) for signal in ranked]
    if len(names) <= SEVERAL:
        return " and ".join(names) if names else "several inputs together"
    return f"{', '.join(names[:SEVERAL])} and {len(names) - SEVERAL} more inputs"


def _person(moved: dict[str, Move]) -> str:
    """How who they are has changed, in words."""
    for name, move in sorted(moved.items()):
        if is_about_the_person(name) and move.family == "rank":
            side = "higher" if move.change > 0 else "lower"
            return f"{plain(name)} is {side}"
    return ""
