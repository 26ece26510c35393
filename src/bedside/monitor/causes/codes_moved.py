"""Which codes came and which went since a day, and what that says of a signal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bedside.core.records.codes_seen import CodeSeen
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.monitor.stream.streams import Baseline
from bedside.monitor.stream.tally import Tally, summed
from bedside.monitor.wording import per_cent

__all__ = ["CodeMove", "codes_moved", "recoded_words", "replaced_by"]

SURE = 4.0  # standard errors
FEW = 5  # answers with a code that decide; figures and the code itself are told of eleven
GONE = 0.35  # of the share that it had
ALIKE = (0.5, 2.0)  # times as many came as went


class Naming(Protocol):
    """What a signal is called, and its declared codes."""

    @property
    def codes(self) -> Mapping[str, Sequence[str]]:
        """Of each signal."""

    def name(self, signal: str) -> str:
        """Of a signal, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMove:
    """A code, in which share of the answers it was, and is.

    Args:
        seen: The code.
        then: Its share before.
        at_most: The share before that so few answers could hide.
        count: Answers with it since.
        of: Answers since.
    """

    seen: CodeSeen
    then: float
    at_most: float
    count: int
    of: int

    @property
    def now(self) -> float:
        """Its share since."""
        return self.count / self.of

    @property
    def rise(self) -> float:
        """By how much its share grew."""
        return self.now - self.then

    @property
    def came(self) -> bool:
        """Whether it surely comes more than before."""
        usual = self.at_most * self.of
        return self.count >= FEW and self.count - usual >= SURE * math.sqrt(max(usual, 1.0))

    @property
    def went(self) -> bool:
        """Whether hardly any of it surely is left."""
        spread = math.sqrt(max(self.of * self.then * (1 - self.then), 1.0))
        return self.now <= GONE * self.then and self.then * self.of - self.count >= SURE * spread

    @property
    def told(self) -> str:
        """The code in quotes; of ten answers or fewer, that it is one."""
        few = self.count <= SUPPRESS_AT_OR_BELOW and not self.went
        return "another code" if few else f"'{self.seen.code}'"


def codes_moved(baseline: Baseline, before: Sequence[Tally], whole: Tally) -> tuple[CodeMove, ...]:
    """Every code of which it is known how often it came before.

    Args:
        baseline: Tells it of its codes, and of codes of signals whose codes it counted.
        before: Tallies of the days before; where they are of eleven answers or more, they tell it.
        whole: Of the days since.
    """
    if not whole.coded:
        return ()
    earlier = summed(before) if before else None
    marks = {**dict.fromkeys(earlier.codes if earlier else {}, 0), **whole.codes}
    shares = {
        CodeSeen(one.signal, one.code, one.known, one.text): one.share for one in baseline.codes
    }
    every = {CodeSeen.of(mark) for mark in marks} | set(shares)
    found = []
    for seen in sorted(every):
        if earlier is not None and earlier.coded > SUPPRESS_AT_OR_BELOW:
            then = earlier.codes.get(seen.mark, 0) / earlier.coded
            at_most = then + 1 / earlier.coded
        elif seen in shares or seen.signal in baseline.coded:
            then = shares.get(seen, 0.0)
            at_most = then or SUPPRESS_AT_OR_BELOW / max(baseline.subjects, 1)
        else:
            continue
        count = whole.codes.get(seen.mark, 0)
        found.append(CodeMove(seen=seen, then=then, at_most=at_most, count=count, of=whole.coded))
    return tuple(found)


def replaced_by(
    moves: Sequence[CodeMove], signal: str, drop: float
) -> tuple[CodeMove | None, CodeMove | None]:
    """The code of a signal that went, and the one that came in its place.

    A code of the signal that came counts before one of no signal; of those, the one that came in
    about as many answers as are lost.

    Args:
        moves: Of every code.
        signal: The signal.
        drop: The share of patients that had it and have it no more; 0: as many have it.
    """
    own = [one for one in moves if one.seen.signal == signal]
    gone = [one for one in own if one.seen.known and one.went]
    went = max(gone, key=lambda one: one.then - one.now) if gone else None
    new = [one for one in own if one.came and (went is not None or not one.seen.known)]
    if new:
        return went, max(new, key=lambda one: one.rise)
    lost = drop or (0.0 if went is None else went.then - went.now)
    others = [
        one
        for one in moves
        if not one.seen.signal
        and one.came
        and lost > 0
        and ALIKE[0] * lost <= one.rise <= ALIKE[1] * lost
    ]
    return went, min(others, key=lambda one: abs(one.rise - lost)) if others else None


def recoded_words(case: Naming, moves: Sequence[CodeMove], signal: str, drop: float) -> str | None:
    """That a signal comes under another code, in words; None: no code came in the place of one."""
    went, came = replaced_by(moves, signal, drop)
    if came is None:
        return None
    share = f" in {per_cent(came.now)} of the answers" if came.count > SUPPRESS_AT_OR_BELOW else ""
    known = "" if came.seen.known else ", which the declaration does not know,"
    codes = case.codes.get(signal, ())
    if went is not None:
        now = f"to {per_cent(went.now)}" if went.count > SUPPRESS_AT_OR_BELOW else "to hardly any"
        old = f"{went.told} went from {per_cent(went.then)} {now} of the answers"
    elif drop > 0 and len(codes) == 1 and not came.seen.signal:
        old = f"'{codes[0]}' does not come as before"
    else:
        old = ""
    new = f"{came.told}{known} {'came in its place' if old else 'came'}{share}"
    return f"{case.name(signal)}: {old}, and {new}" if old else f"{case.name(signal)}: {new}"
