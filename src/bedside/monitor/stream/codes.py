"""The codes that questions saw, as columns: which are watched, and in which answers they are.

Of each signal whose codes are counted: whether a code came that the declaration does not know;
and of one that has several known codes, the share of each among those who have any.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.core.records.codes_seen import NOT_COUNTED, CodeSeen, codes_from_text
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.monitor.disclosure import significant
from bedside.monitor.stream.answers import Answers
from bedside.monitor.stream.streams import Baseline, CodeBaseline, Stream

__all__ = [
    "MOST_UNKNOWN",
    "OTHERS",
    "UNKNOWN",
    "CodeColumns",
    "Watched",
    "code_streams",
    "codes_counted",
    "codes_of_baseline",
    "watched_codes",
]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Wanted = Callable[[CodeSeen], bool]

UNKNOWN = "unknown_code"
"""Id of the stream of codes that belong to no signal, and how those of a signal's begin."""

MOST_UNKNOWN = 100
"""Codes of a day that are not known and counted each by itself."""

OTHERS = "(others)"
"""In the place of the code of all further ones."""

_MOST = 40  # codes of one baseline, the most frequent


@dataclass(frozen=True, slots=True)
class Watched:
    """One yes or no about codes: of each answer, or of those that have a code of the signal.

    Args:
        signal: '' of codes that belong to no signal.
        code: A known code; None: whether one came that is not known.
    """

    signal: str
    code: str | None

    @property
    def id(self) -> str:
        """Of its stream."""
        if self.code is not None:
            return f"code:{self.signal}={self.code}"
        return f"{UNKNOWN}:{self.signal}" if self.signal else UNKNOWN


def watched_codes(baseline: Baseline) -> tuple[Watched, ...]:
    """What is watched of codes, in the order of the cells."""
    return tuple(_watched(baseline))


def _watched(baseline: Baseline) -> Iterator[Watched]:
    live = bool(baseline.codes) and baseline.per_day is not None  # none came, as far as is known
    if live or any(not one.signal for one in baseline.codes):
        yield Watched("", None)
    for signal in baseline.coded:
        mine = [one for one in baseline.codes if one.signal == signal]
        if any(one.text or not one.known for one in mine):
            yield Watched(signal, None)
        known = [one.code for one in mine if one.known]
        if len(known) > 1:
            for code in known:
                yield Watched(signal, code)


def code_streams(baseline: Baseline) -> Iterator[Stream]:
    """Their streams; means and ranges are not known yet."""
    for one in watched_codes(baseline):
        if one.code is not None:
            told = f"the share of patients with {_words(one.signal)} who have it as '{one.code}'"
        elif one.signal:
            told = f"the share of patients with a code of {_words(one.signal)} that is not declared"
        else:
            told = "the share of patients with a code that no signal has"
        yield Stream(
            id=one.id, kind="input", family="codes", feature=None, signal=one.signal or None,
            group=None, title=told, mean=0.0, sd=0.0, n=0, least=0.0, most=1.0,
        )  # fmt: skip


def _words(signal: str) -> str:
    return f"'{signal.replace('_', ' ')}'"


class CodeColumns:
    """In which of some answers which codes are.

    Args:
        answers: n answers.
        rows: The m of them that are looked at.
    """

    def __init__(self, answers: Answers, rows: Ints) -> None:
        texts = [NOT_COUNTED] * rows.size if answers.codes is None else answers.codes[rows].tolist()
        sets = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        self._which = np.fromiter(map(sets.__getitem__, texts), np.int64, len(texts))
        self._sets = len(sets)
        self._inside: dict[CodeSeen, list[int]] = {}  # by code, the sets that it is in
        for text, place in sets.items():
            for one in codes_from_text(text):
                self._inside.setdefault(one, []).append(place)
        self.known: Bools = self._which != sets.get(NOT_COUNTED, -1)

    def has(self, watched: Watched) -> Bools:
        """Shape (m,), which have what is watched."""
        return self._rows(lambda one: _is(one, watched))

    def has_any(self, codes: frozenset[CodeSeen]) -> Bools:
        """Shape (m,), which have any of these codes."""
        return self._rows(codes.__contains__)

    def of_signal(self, signal: str) -> Bools:
        """Shape (m,), which have any code of a signal."""
        return self._rows(lambda one: one.signal == signal)

    def counts(self) -> dict[CodeSeen, int]:
        """How many of them have each code."""
        times = np.bincount(self._which, minlength=self._sets)
        return {one: int(times[places].sum()) for one, places in self._inside.items()}

    def _rows(self, wanted: Wanted) -> Bools:
        each = np.zeros(self._sets, dtype=np.bool_)
        for one, places in self._inside.items():
            if wanted(one):
                each[places] = True
        rows: Bools = each[self._which]
        return rows


def _is(one: CodeSeen, watched: Watched) -> bool:
    if one.signal != watched.signal:
        return False
    return not one.known if watched.code is None else one.known and one.code == watched.code


def codes_counted(answers: Answers, rows: Ints) -> tuple[int, dict[str, int]]:
    """Of how many of these answers the codes are known, and how many saw each, by its mark.

    Of codes that are not known, the most frequent; the others of a signal are counted as one, so
    that a sender of ever other texts fills no tally.
    """
    columns = CodeColumns(answers, rows)
    counts = columns.counts()
    unknown = sorted((one for one in counts if not one.known), key=lambda one: (-counts[one], one))
    rare = frozenset(unknown[MOST_UNKNOWN:])
    told = {one: count for one, count in counts.items() if one not in rare}
    for signal in {one.signal for one in rare}:
        mine = frozenset(one for one in rare if one.signal == signal)
        told[CodeSeen(signal, OTHERS, False)] = int(columns.has_any(mine).sum())
    return int(columns.known.sum()), {one.mark: count for one, count in sorted(told.items())}


def codes_of_baseline(some: Answers) -> tuple[CodeBaseline, ...]:
    """What more than ten patients had, one answer each; the most frequent of many."""
    rows = np.arange(len(some))
    found = list(CodeColumns(some, rows).counts().items())
    told = [(count, one) for one, count in found if count > SUPPRESS_AT_OR_BELOW]
    kept = sorted(told, key=lambda pair: (-pair[0], pair[1]))[:_MOST]
    return tuple(
        CodeBaseline(
            signal=one.signal,
            code=one.code,
            known=one.known,
            text=one.text,
            share=significant(count / len(some)),
        )
        for count, one in sorted(kept, key=lambda pair: pair[1])
    )
